"""`manage.py audit_purge`: removes archived events that are older than AUDIT_RETENTION_MONTHS."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from portal.audit.base_command import AuditCommand
from portal.audit.recording import get_system_origin
from portal.audit.retention.purging import PurgeRefused, get_guaranteed_since, purge_archives


class Command(AuditCommand):
    """Purges the trail, on PostgreSQL as the owner of the tables."""

    help = (
        "Removes events that are archived and older than AUDIT_RETENTION_MONTHS. The first and the latest "
        "event of each object stay, and a tombstone keeps the chain verifiable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option that confirms the deletion."""
        parser.add_argument(
            "--yes", action="store_true", help="remove the events; without this nothing is removed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge old archives. Raises CommandError at the first archive that is missing or altered."""
        since = get_guaranteed_since()
        if not options["yes"]:
            raise CommandError(
                f"This removes archived events from before {since:%Y-%m-%d}. Run again with --yes to "
                "remove them."
            )
        count = 0
        try:
            for kept, gone in purge_archives(origin=get_system_origin("audit_purge")):
                count += gone
                self.stdout.write(f"Rows {kept.first} to {kept.last}: {gone} removed, {kept.file} has them")
        except PurgeRefused as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{count} events from before {since:%Y-%m-%d} removed")
