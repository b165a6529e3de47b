"""Settle stale changes: interrupted requests, drafts that expired, secrets that are stored for too long."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from portal.audit.history import History, get_history
from portal.audit.recording import get_system_origin
from portal.changes.audit_events import durable_record, get_old_values, record_change_event
from portal.changes.errors import AuditWriteError
from portal.changes.form_input import CORRECTABLE
from portal.changes.models import Change, State
from portal.changes.outcomes import record_spooled_outcomes_soon
from portal.form_drafts.services import SECRETS_KEPT_FOR

# Unsent bodies may hold secrets, so they are deleted after this time.
KEPT_FOR = timedelta(hours=24)
_UNKNOWN = (
    "The portal was interrupted while it sent this change. It may or may not have reached the gateway. "
    "It is not sent again until the outcome is known."
)
_UNSENT = "The portal was interrupted before it sent this change. Nothing reached the gateway."
_EXPIRED = "Nobody confirmed this change within 24 hours. Nothing was sent."


def settle_stale_changes() -> int:
    """Settle every interrupted or expired change; return how many. Can be called at any time.

    Spooled outcomes are recorded first, because they are known. An interrupted change without a recorded
    intent was not sent; with an intent its outcome is unknown.
    """
    record_spooled_outcomes_soon()
    now = timezone.now()
    interrupted = Q(
        state=State.SENDING, claimed_at__lt=now - timedelta(seconds=settings.CHANGE_INTERRUPTED_AFTER)
    )
    expired = Q(state=State.PREPARED, created_at__lt=now - KEPT_FOR)
    settled = 0
    for change in list(Change.objects.filter(interrupted | expired)[:100]):
        # A page that only shows something must not fail because this cannot be recorded now.
        with suppress(AuditWriteError):
            settled += _settle(change)
    _delete_expired_secrets(now)
    return settled


def load_entity_history(
    *, connection: str, guid: str, query: QueryDict, child_kinds: Collection[str] | None = None
) -> History:
    """Return the history of an entity, after interrupted changes are settled."""
    settle_stale_changes()
    return get_history(connection=connection, guid=guid, query=query, elsewhere=True, child_kinds=child_kinds)


def _settle(change: Change) -> int:
    """Settle one change and return 1; return 0 if another process did it first.

    The conditional update lets only one process write the event.
    """
    details: dict[str, Any] = {}
    if change.state == State.PREPARED:
        state, words = State.CANCELLED, _EXPIRED
    else:
        state, words = (State.NOT_SENT, _UNSENT) if change.intent_at is None else (State.UNKNOWN, _UNKNOWN)
        details = {"before": get_old_values(change), "after": change.changed_values}
    values: dict[str, Any] = {"state": state, "explanation": words, "finished_at": timezone.now()}
    if state == State.CANCELLED:
        values["sealed_payload"] = ""
    unchanged = Change.objects.filter(pk=change.pk, state=change.state, claimed_at=change.claimed_at)
    with durable_record():
        updated = unchanged.update(**values)
        if updated:
            record_change_event(
                f"change.{state.value}",
                change,
                get_system_origin("changes_settle"),
                outcome=str(state),
                message=words,
                **details,
            )
    return updated


def _delete_expired_secrets(now: datetime) -> None:
    """Delete generated secrets that were not shown in time, and bodies that are no longer needed."""
    unseen = Change.objects.filter(secrets_until__lt=now).exclude(sealed_secrets="")
    unsent = Change.objects.filter(
        state__in=(State.NOT_SENT, State.UNKNOWN, State.NOT_FOUND), created_at__lt=now - KEPT_FOR
    )
    corrected = Change.objects.filter(state__in=CORRECTABLE, finished_at__lt=now - SECRETS_KEPT_FOR)
    if unseen.exists():  # an update takes the write lock of the database even if it changes nothing
        unseen.update(sealed_secrets="")
    for changes in (corrected.exclude(sealed_payload=""), unsent.exclude(sealed_payload="")):
        if changes.exists():
            changes.update(sealed_payload="")
