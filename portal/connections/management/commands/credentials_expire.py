"""manage.py credentials_expire: destroys replaced credentials whose time is over, as the pages do."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.connections.rotation import credentials_outdated_destroy


class Command(BaseCommand):
    """For a timer, where nobody looks at the connections' pages for days."""

    help = "Destroys the values of replaced credentials that were kept for CREDENTIAL_KEPT_HOURS. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        """Says how many."""
        self.stdout.write(f"Destroyed: {credentials_outdated_destroy()}.")
