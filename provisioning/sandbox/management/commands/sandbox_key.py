"""manage.py sandbox_key create|reset|list: API keys of the embedded gateway, as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from provisioning.sandbox.keys import (
    DEFAULT_ADDRESSES,
    PROVISIONING,
    KeyRefused,
    create_key,
    describe_key,
    reset_key,
)
from provisioning.sandbox.migrate import prepare_database
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.seed import OWN_TENANT, ensure_root_tenants


class Command(BaseCommand):
    """What the System Setup page does, for scripts. A password is printed once, when it is made."""

    help = "Creates, resets and lists API keys of the embedded gateway. Prints JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command each for create, reset and list."""
        commands = parser.add_subparsers(dest="action", required=True)
        create = commands.add_parser("create")
        create.add_argument("--name", default="")
        create.add_argument("--service", default=PROVISIONING)
        create.add_argument("--addresses", default=DEFAULT_ADDRESSES)
        create.add_argument("--tenant", default=OWN_TENANT, help="the key's own tenant")
        commands.add_parser("reset").add_argument("key")
        commands.add_parser("list")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one JSON object, for list a JSON array."""
        prepare_database()
        ensure_root_tenants()
        if options["action"] == "list":
            keys = [describe_key(key) for key in ApiKey.objects.order_by("created_at", "pk")]
            self.stdout.write(json.dumps(keys))
            return
        try:
            if options["action"] == "reset":
                key, password = reset_key(key=options["key"])
            else:
                wanted = {name: options[name] for name in ("service", "addresses", "tenant", "name")}
                key, password = create_key(**wanted)
        except KeyRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(json.dumps(describe_key(key) | {"password": password}))
