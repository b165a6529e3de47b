"""`manage.py audit_index`: puts back what events are found by, from the events; for after a tampering."""

from typing import Any

from django.db import transaction

from portal.audit.commands import AuditCommand
from portal.audit.models import Event, Known, Term
from portal.audit.services import event_record, origin_system
from portal.audit.terms import index_write

BATCH = 1000


class Command(AuditCommand):
    """Adds the terms and names that are missing; changes and removes nothing."""

    help = "Puts back missing entries of the index that the audit trail is searched by, and counts them."

    def handle(self, *args: Any, **options: Any) -> None:
        """Works in small transactions while people work. What was missing is on record afterwards."""
        before, last = self._entries(), 0
        while batch := list(Event.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
            with transaction.atomic():
                index_write(batch, mending=True)
            last = batch[-1].pk
        # What was recorded meanwhile has added entries of its own: those of events that came later.
        missing = max(0, self._entries(last) - before)
        if missing:
            self._recorded(missing)
        self.stdout.write(f"{missing:,} entries were missing and are back.")

    def _entries(self, last: int | None = None) -> int:
        terms = Term.objects.all() if last is None else Term.objects.filter(event_id__lte=last)
        return terms.count() + Known.objects.count()

    def _recorded(self, missing: int) -> None:
        event_record(
            action="audit.index_mended",
            origin=origin_system("manage.py audit_index"),
            outcome="success",
            message=f"{missing:,} entries were missing",
        )
