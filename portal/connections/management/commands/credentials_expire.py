"""manage.py credentials_expire: destroys replaced credentials whose time is over, as the pages do."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.connections.credential_actions import destroy_expired_credentials


class Command(BaseCommand):
    """For a timer, in case no worker runs."""

    help = "Deletes the values of replaced credentials older than CREDENTIAL_ROLLBACK_HOURS. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete expired credentials and print their number."""
        self.stdout.write(f"Deleted: {destroy_expired_credentials()}.")
