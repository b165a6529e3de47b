"""manage.py connection_create: makes a gateway known. Its credential is set on its page afterwards."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.audit.recording import AuditUnavailable, ObjectRef, get_system_origin, record_event
from portal.core.field_types import TextField
from provisioning.credentials.models import Connection
from provisioning.credentials.services import create_connection


class Command(BaseCommand):
    """Adds one connection, on record."""

    help = (
        "Adds a connection. An admin sets its API key and password on /connections/<slug>/reset/ afterwards."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options. The slug becomes the first segment of addresses and cannot be changed."""
        parser.add_argument("slug")
        parser.add_argument("--name", required=True, help="the name shown to people")
        parser.add_argument("--base-url", required=True, help="https://…/api/provisioning")
        parser.add_argument("--kind", choices=Connection.Kind.values, default=Connection.Kind.SANDBOX.value)
        parser.add_argument("--tenant", default="", help="GUID of the API key's own tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise CommandError for a taken slug or an address that must not get an API key."""
        try:
            name = TextField().clean(options["name"])
            with transaction.atomic():
                made = create_connection(
                    slug=options["slug"],
                    name=name,
                    base_url=options["base_url"],
                    kind=options["kind"],
                    colour="red" if options["kind"] == Connection.Kind.PRODUCTION else "green",
                    tenant_guid=options["tenant"],
                )
                record_event(
                    action="connection.created",
                    origin=get_system_origin("manage.py connection_create"),
                    connection=made.slug,
                    object=ObjectRef("connection", made.slug, made.name),
                    after={"base_url": made.base_url, "kind": made.kind, "tenant_guid": made.tenant_guid},
                )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        except AuditUnavailable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Added. An admin sets its credential on /connections/{made.slug}/reset/.")
