"""`manage.py audit_archive`: seals past events in files that verify on their own; --check verifies one."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from portal.audit.base_command import AuditCommand
from portal.audit.recording import get_system_origin
from portal.audit.retention.archives import (
    ArchiveBroken,
    ArchiveRefused,
    check_archive,
    get_month_start,
    write_archives,
)


class Command(AuditCommand):
    """Writes archives, or checks one."""

    help = "Writes the events of past months, each once, to sealed files in AUDIT_ARCHIVE_DIR."
    # Checking a file needs only the audit keys, on any machine.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options to archive or to verify a file."""
        parser.add_argument("--until", metavar="YYYY-MM-DD", help="archive events before that day, UTC")
        parser.add_argument("--check", metavar="FILE", type=Path, help="verify this file; needs no database")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or check archives. Raises CommandError for an altered file or altered rows."""
        until = get_month_start()
        if options["until"] is not None:
            try:
                until = datetime.strptime(options["until"], "%Y-%m-%d").replace(tzinfo=UTC)
            except ValueError:
                raise CommandError(f"“{options['until']}” is not a day such as 2026-11-30.") from None
        try:
            if options["check"]:
                archive = check_archive(options["check"])
                rows = f"rows {archive.first} to {archive.last}, {archive.since} to {archive.until}"
                self.stdout.write(f"{options['check'].name} is whole: {rows}")
                return
            for kept in write_archives(until=until, origin=get_system_origin("audit_archive")):
                self.stdout.write(f"Rows {kept.first} to {kept.last} are in {kept.path}")
        except (ArchiveBroken, ArchiveRefused) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"Everything before {until:%Y-%m-%d} is archived.")
