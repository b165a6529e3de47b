"""manage.py changes_settle: settles interrupted and expired changes, as the pages do when shown."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.changes.workflow import changes_interrupted_settle


class Command(BaseCommand):
    """Run it every minute where nobody looks at pages."""

    help = "Settles changes whose sending was interrupted as “outcome unknown” and discards expired ones."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints how many were settled."""
        self.stdout.write(f"{changes_interrupted_settle()} changes settled.")
