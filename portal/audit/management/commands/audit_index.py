"""`manage.py audit_index`: brings the search index back in line with the events, after a tampering."""

from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError

from portal.audit.base_command import AuditCommand
from portal.audit.recording import get_system_origin, record_event
from portal.audit.verification.index_check import repair_index

# PostgreSQL's insufficient_privilege.
NOT_THE_OWNER = "42501"


class Command(AuditCommand):
    """Adds missing terms and names, and removes or corrects those that no event has."""

    help = (
        "Compares the search index and the known names with the events, repairs them, and records what was "
        "wrong. On PostgreSQL wrong entries can only be removed by the owner: set DATABASE_OWNER_URL."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Repair the index while the portal is in use, and record the differences."""
        try:
            missing, wrong = repair_index()
        except ProgrammingError as failure:
            if getattr(failure.__cause__, "sqlstate", "") != NOT_THE_OWNER:
                raise
            raise CommandError(
                "Only the owner of the tables may remove wrong entries. Set DATABASE_OWNER_URL."
            ) from failure
        if missing or wrong:
            said = [f"{missing:,} entries were missing"] if missing or not wrong else []
            record_event(
                action="audit.index_mended",
                origin=get_system_origin("manage.py audit_index"),
                outcome="success",
                message=", ".join([*said, *([f"{wrong:,} were wrong"] if wrong else [])]),
            )
        self.stdout.write(f"{missing:,} entries were missing and are back.")
        if wrong:
            self.stdout.write(f"{wrong:,} entries were wrong and are removed or corrected.")
