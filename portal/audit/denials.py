"""Record denials: the first few of a kind separately, the others within the window as one event.

A signed-in user could otherwise write thousands of events, which cannot be deleted for a year.
"""

import hashlib
from dataclasses import asdict
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.audit.models import DenialCount
from portal.audit.recording import ObjectRef, Origin, record_event

WINDOW = timedelta(minutes=5)
# This many denials of a kind within a window have their own event.
ONE_BY_ONE = 5


def record_denial(
    *, origin: Origin, kind: str, page: str, method: str, why: str, code: str, connection: str
) -> bool:
    """Count a denial and record it as an event unless there were many. Returns whether it was recorded.

    `kind` is the same for all pages that one view shows.
    """
    words = f"{method} {page} {why}"
    who = origin.actor_id or origin.address
    slot = hashlib.sha256(repr((who, kind, method, code)).encode()).hexdigest()
    now = timezone.now()
    with transaction.atomic():
        # Updating locks the row, so two denials at once are counted one after the other.
        counts = DenialCount.objects.filter(slot=slot)
        current = counts.filter(ends_at__gt=now)
        counted = current.update(count=F("count") + 1, page=page, words=words, origin=asdict(origin))
        if not counted:
            for over in counts.select_for_update():
                _record_sum(over)
            row = DenialCount(
                slot=slot, count=1, begins_at=now, ends_at=now + WINDOW, connection=connection, code=code,
                page=page, words=words, origin=asdict(origin),
            )  # fmt: skip
            DenialCount.objects.bulk_create([row], ignore_conflicts=True)
        if current.filter(count__gt=ONE_BY_ONE).exists():
            return False
        record_event(
            action="access.denied",
            origin=origin,
            outcome="denied",
            connection=connection,
            code=code,
            object=ObjectRef("page", "", page),
            message=words,
        )
    return True


def record_denial_sums() -> None:
    """Record the denials that were only counted, of windows that are over. Workers call it regularly."""
    ended = DenialCount.objects.filter(ends_at__lte=timezone.now())
    for slot in ended.values_list("slot", flat=True)[:500]:
        with transaction.atomic():
            for over in ended.select_for_update().filter(slot=slot):
                _record_sum(over)


def _record_sum(over: DenialCount) -> None:
    """Record how many denials had no event, and delete the window."""
    more = over.count - ONE_BY_ONE
    if more > 0:
        span = f"{over.begins_at:%Y-%m-%d %H:%M} and {over.ends_at:%H:%M} UTC"
        record_event(
            action="access.denied",
            origin=Origin(**over.origin),
            outcome="denied",
            connection=over.connection,
            code=over.code,
            object=ObjectRef("page", "", over.page),
            message=f"{over.words}: {more:,} more times between {span}, last at this address",
            request={"times": more, "since": over.begins_at.isoformat(), "until": over.ends_at.isoformat()},
        )
    over.delete()
