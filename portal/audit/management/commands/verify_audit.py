"""`manage.py verify_audit`: exit 0 if the audit trail is whole, 1 if it was touched, naming the row."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand

from portal.audit.services import event_record, origin_system
from portal.audit.verification import Report, audit_verify


class Command(BaseCommand):
    """Verifies the audit chain and records that it did."""

    help = "Verifies the audit trail. Exit 0: whole. Exit 1: broken; the first line names the row."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the verdict; SystemExit(1) if the chain is broken."""
        started = time.monotonic()
        report = audit_verify()
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


def verdict_of(report: Report) -> str:
    """The result in one sentence."""
    if report.whole:
        return f"The audit trail is whole: {report.rows} rows verified"
    return f"The audit trail was tampered with: row {report.problems[0].sequence} is the first that is wrong."
