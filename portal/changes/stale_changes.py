"""Settles what nobody finished: interrupted sends, forgotten reviews, secrets kept past their time."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from portal.audit.history import History, history_page
from portal.audit.recording import Origin, origin_system
from portal.changes.audit_events import after_of, before_of, change_event, recorded
from portal.changes.errors import AuditWriteError
from portal.changes.kept_secrets import CORRECTABLE
from portal.changes.models import Change, State
from portal.changes.outcomes import outcomes_record_kept_soon
from portal.form_drafts.services import SECRETS_KEPT_FOR

# Unsent bodies may hold secrets: they are not kept longer than a working day or two.
KEPT_FOR = timedelta(hours=24)
_UNKNOWN = (
    "The portal was interrupted while it sent this change. It may or may not have reached the gateway. "
    "It is not sent again until the outcome is known."
)
_UNSENT = "The portal was interrupted before it sent this change. Nothing reached the gateway."
_EXPIRED = "Nobody confirmed this change within 24 hours. Nothing was sent."


def changes_interrupted_settle() -> int:
    """Settles every interrupted or expired change; returns how many. Safe to call from anywhere, any time.

    What waits in a file is recorded first: it is known, not interrupted.
    A send without a recorded intent never left; one with an intent has an unknown outcome.
    """
    outcomes_record_kept_soon()
    stale = list(_stale().select_related(None)[:100])
    settled = sum(_settled_or_left(change) for change in stale)
    _secrets_expire()
    return settled


def entity_history(
    *, connection: str, guid: str, query: QueryDict, child_kinds: Collection[str] | None = None
) -> History:
    """What happened to one entity, told only after what was interrupted is settled."""
    changes_interrupted_settle()
    return history_page(
        connection=connection, guid=guid, query=query, elsewhere=True, child_kinds=child_kinds
    )


def _stale() -> QuerySet[Change]:
    now = timezone.now()
    interrupted = Q(
        state=State.SENDING, claimed_at__lt=now - timedelta(seconds=settings.CHANGE_INTERRUPTED_AFTER)
    )
    expired = Q(state=State.PREPARED, created_at__lt=now - KEPT_FOR)
    return Change.objects.filter(interrupted | expired)


def _settled_or_left(change: Change) -> int:
    """Pages that only show something must not fail because a settling cannot be recorded now; it waits."""
    try:
        return _settled(change)
    except AuditWriteError:
        return 0


def _settled(change: Change) -> int:
    """One change; the conditional UPDATE makes one of several settlers write the event."""
    state, action, words = _fate(change)
    unchanged = Change.objects.filter(pk=change.pk, state=change.state, claimed_at=change.claimed_at)
    with recorded():
        values = {"state": state, "explanation": words, "finished_at": timezone.now()}
        if state == State.CANCELLED:
            values["sealed_payload"] = ""
        if not unchanged.update(**values):
            return 0
        change_event(action, change, _origin(), outcome=str(state), message=words, **_values(change, state))
    return 1


def _fate(change: Change) -> tuple[State, str, str]:
    if change.state == State.PREPARED:
        return State.CANCELLED, "change.cancelled", _EXPIRED
    if change.intent_at is None:
        return State.NOT_SENT, "change.not_sent", _UNSENT
    return State.UNKNOWN, "change.unknown", _UNKNOWN


def _values(change: Change, state: State) -> dict[str, Any]:
    """What was to become different; of what was discarded nothing was to become different any more."""
    if state == State.CANCELLED:
        return {}
    return {"before": before_of(change), "after": after_of(change)}


def _secrets_expire() -> None:
    now = timezone.now()
    late = Change.objects.filter(secrets_until__lt=now).exclude(sealed_secrets="")
    old = Change.objects.filter(
        state__in=(State.NOT_SENT, State.UNKNOWN, State.NOT_FOUND), created_at__lt=now - KEPT_FOR
    ).exclude(sealed_payload="")
    corrected = Change.objects.filter(state__in=CORRECTABLE, finished_at__lt=now - SECRETS_KEPT_FOR).exclude(
        sealed_payload=""
    )
    if corrected.exists():
        corrected.update(sealed_payload="")
    if late.exists():
        late.update(sealed_secrets="")
    if old.exists():
        old.update(sealed_payload="")


def _origin() -> Origin:
    return origin_system("changes_settle")
