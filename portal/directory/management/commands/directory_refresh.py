"""`manage.py directory_refresh`: reads every known list of the gateways into the local index, for cron."""

from argparse import ArgumentParser
from collections.abc import Iterator

from django.core.management.base import BaseCommand, CommandError

from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import refresh_list
from provisioning.credentials.models import Connection
from provisioning.credentials.services import get_connection_status
from provisioning.entities import ENTITY_KINDS


class Command(BaseCommand):
    """One line per list; exits 1 if a list could not be read (its rows stay as they are)."""

    help = (
        "Reads tenants, their merchants, and the user and connector lists opened before into the local index."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options. `--connection sandbox` limits it to one connection."""
        parser.add_argument("--connection", default="", help="slug of one connection; all of them without it")

    def handle(self, *args: object, connection: str = "", **options: object) -> None:
        """Refresh all connections; continue after a failure."""
        known = list(Connection.objects.order_by("slug").values_list("slug", flat=True))
        if connection and connection not in known:
            raise CommandError(f"There is no connection “{connection}”. Known: {', '.join(known) or 'none'}.")
        failed = sum(self._refresh(slug) for slug in ([connection] if connection else known))
        if failed:
            raise CommandError(f"{failed} lists could not be read; their rows are as old as before.")

    def _refresh(self, connection: str) -> int:
        """Return how many lists of the connection failed. Skip a connection without a credential."""
        failed = 0
        if get_connection_status(Connection.objects.get(slug=connection)).missing:
            self.stdout.write(f"{connection}  left out: no credential has been set yet")
            return 0
        for kind, parent in _lists(connection):
            state = refresh_list(connection=connection, kind=kind, parent=parent)
            failed += state.away
            result = f"failed: {state.failure}" if state.away else "read"
            self.stdout.write(f"{connection}  {kind}  {parent or '-'}  {result}")
        return failed


def _lists(connection: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, parent): tenants, the merchants of each, then the lists opened before, oldest first."""
    yield "tenant", ""
    tenants = IndexedEntity.objects.filter(connection=connection, kind="tenant").order_by("sort_key")
    yield from (("merchant", guid) for guid in tenants.values_list("guid", flat=True))
    opened = ListSync.objects.filter(connection=connection, kind__in=ENTITY_KINDS["merchant"].children)
    yield from opened.order_by("refreshed_at").values_list("kind", "parent_guid")
