"""`manage.py verify_audit`: exit 0 if the audit trail is whole, 1 if it was touched, naming the row."""

import sys
import time
from argparse import ArgumentParser
from datetime import UTC
from typing import Any

from django.core.management.base import CommandError

from portal.audit.anchors import parse_anchor
from portal.audit.base_command import AuditCommand
from portal.audit.recording import get_system_origin
from portal.audit.verification.chain import verify_trail
from portal.audit.verification.jobs import NoSuchRows, parse_extent, record_verification
from portal.audit.verification.report import describe_verdict, describe_warnings


class Command(AuditCommand):
    """Verifies the audit chain and records what it found."""

    help = (
        "Verifies the audit trail. Exit 0: whole. Exit 1: broken; the first line names the row. "
        "Exit 2: the events are whole, with warnings: triggers or anchors are missing, or the search index, "
        "permissions or sign-in data do not match the events. Exit 3: it could not be read."
    )
    # A database that is away is no broken trail.
    failed = 3

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options for the range and for anchors from elsewhere."""
        parser.add_argument("--since-anchor", action="store_true", help="begin after the last anchor")
        parser.add_argument("--from", dest="first", default="", metavar="ROW", help="or a day, in UTC")
        parser.add_argument("--to", dest="last", default="", metavar="ROW", help="or a day, included")
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            metavar="LINE",
            help="also compare with this one, for example from an email",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verdict. Exits with 1 if the chain is broken, 2 if there are warnings."""
        if options["since_anchor"] and (options["first"] or options["last"]):
            raise CommandError("Use either --since-anchor or --from and --to.")
        try:
            extent = parse_extent(options["first"], options["last"], UTC)
        except NoSuchRows as refusal:
            raise CommandError(str(refusal)) from refusal

        def show_progress(done: int, total: int) -> None:
            # A terminal shows the progress, a log does not.
            if self.stderr.isatty():
                ending = "\n" if done == total else ""
                self.stderr.write(f"\r{done:,} of {total:,} rows", ending=ending)
                self.stderr.flush()

        started = time.monotonic()
        report = verify_trail(
            since_anchor=options["since_anchor"],
            first=extent.first,
            last=extent.last,
            kept=[parse_anchor(line) for line in options["anchor"]],
            progress=show_progress,
        )
        seconds = time.monotonic() - started
        record_verification(report, get_system_origin("verify_audit"))
        warnings = describe_warnings(report)
        if report.whole:
            self.stdout.write(f"{describe_verdict(report)} ({seconds:.1f} s)")
        else:
            for problem in report.problems:
                self.stdout.write(str(problem))
            self.stderr.write(describe_verdict(report))
        if warnings:
            self.stderr.write(warnings)
        if not report.whole:
            sys.exit(1)
        if warnings:
            sys.exit(2)
