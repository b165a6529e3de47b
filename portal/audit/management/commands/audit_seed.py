"""`manage.py audit_seed --events N`: a long invented trail, for figures. Refused in production."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from portal.audit.base_command import AuditCommand
from portal.audit.models import ChainHead
from portal.audit.seeding import events_seed

MOST_DAYS = 36_500


class Command(AuditCommand):
    """Appends invented events to the chain."""

    help = "Appends invented, correctly chained events to the audit trail. Not in production."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many events, over how many days."""
        parser.add_argument("--events", type=int, default=10_000)
        parser.add_argument("--days", type=int, default=365)
        parser.add_argument(
            "--in-all", action="store_true", help="only as many as are missing to --events in all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError in production."""
        if settings.PRODUCTION:
            raise CommandError("Invented events can’t be added to a production trail.")
        if options["events"] < 0 or not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--events is a number from 0 on, and --days one from 1 to {MOST_DAYS}.")
        there = ChainHead.objects.get(pk=1).sequence if options["in_all"] else 0
        done = 0
        for done in events_seed(count=max(options["events"] - there, 0), days=options["days"]):
            if done % 100_000 == 0:
                self.stdout.write(f"{done} events")
        with connection.cursor() as cursor:
            # As a database that has been at work for a while; within a transaction it cannot be tidied.
            tidy = connection.vendor == "postgresql" and not connection.in_atomic_block
            cursor.execute("VACUUM ANALYZE" if tidy else "ANALYZE")
        self.stdout.write(f"{done} events appended")
