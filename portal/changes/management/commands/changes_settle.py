"""manage.py changes_settle: settle interrupted and expired changes, as pages do when they are shown."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.changes.outcomes import settle_stale_changes


class Command(BaseCommand):
    """Settle stale changes; run it every minute where no worker runs."""

    help = "Settles changes whose sending was interrupted as “outcome unknown” and discards expired ones."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print how many were settled."""
        self.stdout.write(f"{settle_stale_changes()} changes settled.")
