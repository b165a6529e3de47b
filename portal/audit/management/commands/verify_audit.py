"""`manage.py verify_audit`: exit 0 if the audit trail is whole, 1 if it was touched, naming the row."""

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal.audit.services import event_record, origin_system
from portal.audit.verification import audit_verify, verdict_of


class Command(BaseCommand):
    """Verifies the audit chain and records that it did."""

    help = "Verifies the audit trail. Exit 0: whole. Exit 1: broken; the first line names the row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to begin."""
        parser.add_argument("--since-anchor", action="store_true", help="begin after the last anchor")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the verdict; SystemExit(1) if the chain is broken."""
        started = time.monotonic()
        report = audit_verify(since_anchor=options["since_anchor"])
        seconds = time.monotonic() - started
        verdict = verdict_of(report)
        if report.whole:
            # A broken chain is left as it was found: it is evidence.
            event_record(action="audit.verified", origin=origin_system("verify_audit"), message=verdict)
            self.stdout.write(f"{verdict} ({seconds:.1f} s)")
            return
        for problem in report.problems:
            self.stdout.write(str(problem))
        self.stderr.write(verdict)
        sys.exit(1)
