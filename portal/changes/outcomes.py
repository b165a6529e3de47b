"""Records what came of a change, exactly once: at once, or later from the file that kept it."""

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import Origin
from portal.changes.audit_events import after_of, before_of, change_event, recorded
from portal.changes.errors import AuditWriteError
from portal.changes.models import Change, State
from portal.changes.outcome_spool import (
    spool_forget,
    spool_is_empty,
    spool_keep,
    spool_read,
    spool_release,
    spool_tidy,
    spool_waiting,
)
from portal.core.lock_timeout import lock_timeout
from portal.core.text import database_safe

logger = logging.getLogger(__name__)
# A verdict may arrive after the change was settled without one; the verdict is the truth.
_AWAITING = (State.SENDING, State.UNKNOWN, State.NOT_FOUND)
# Seconds that recording an outcome waits for a lock, before the outcome is kept in a file.
_LOCK_SECONDS = 5
# A second try at once helps after a lost connection, not after a wait for a lock.
_QUICK = 2.0
# Seconds between tries to record kept outcomes while the database does not take them.
_RETRY_SECONDS = 5.0
_DATES = ("finished_at", "secrets_until")


def outcome_record(
    change: Change, values: Mapping[str, Any], origin: Origin, details: dict[str, Any]
) -> bool:
    """Record the values and the event of an outcome; return False if only a file could keep them.

    `change` carries the values afterwards in any case.
    """
    values = {**values, "finished_at": timezone.now()}
    record = {"values": _as_text(values), "origin": asdict(origin), "details": database_safe(details)}
    done = _try_recording(change.pk, record)
    for name, value in values.items():
        setattr(change, name, value)
    if not done:
        kept = spool_keep(change.pk, record)
        logger.error("The outcome of change %s could not be recorded. Kept in a file: %s.", change.pk, kept)
    spool_release(change.pk)
    return done


def outcomes_record_kept() -> int:
    """Record every outcome that waits in a file; return how many. Safe to call at any time, from anywhere."""
    spool_tidy()
    recorded_now = 0
    for change_id in list(spool_waiting()):
        record = spool_read(change_id)
        if record is None:
            continue
        try:
            _apply(change_id, record, repeated=True)
        except (AuditWriteError, DatabaseError):
            return recorded_now
        except Change.DoesNotExist:
            logger.error("There is no change %s any more for the outcome that was kept.", change_id)
            continue
        spool_forget(change_id)
        recorded_now += 1
    return recorded_now


class _NextTry:
    """When this process may try again to record kept outcomes (time.monotonic)."""

    at = 0.0


def outcomes_record_kept_soon(**_: Any) -> None:
    """Record kept outcomes at a request, unless that was tried a moment ago. Costs one look at a folder."""
    if time.monotonic() < _NextTry.at or spool_is_empty():
        return
    _NextTry.at = time.monotonic() + _RETRY_SECONDS
    try:
        outcomes_record_kept()
    except Exception as error:  # a request must not fail because of an older one
        logger.warning("kept outcomes could not be recorded: %s", type(error).__name__)


def _try_recording(change_id: uuid.UUID, record: dict[str, Any]) -> bool:
    for attempt in range(2):
        began = time.monotonic()
        try:
            _apply(change_id, record, repeated=attempt > 0)
        except (AuditWriteError, DatabaseError) as error:
            logger.warning("recording change %s failed: %s", change_id, type(error).__name__)
            if connection.errors_occurred and not connection.in_atomic_block:
                connection.close()  # it may be lost; the second try opens another one
            if time.monotonic() - began > _QUICK:
                return False
        else:
            return True
    return False


def _apply(change_id: uuid.UUID, record: dict[str, Any], *, repeated: bool) -> None:
    """Write the row and its event in one transaction. `repeated`: an earlier try may have succeeded."""
    values, details = _from_text(record["values"]), dict(record["details"])
    origin = Origin(**record["origin"])
    with lock_timeout(_LOCK_SECONDS), recorded():
        change = Change.objects.select_for_update().get(pk=change_id)
        action = f"change.{values['state']}"
        if repeated and Event.objects.filter(change_id=str(change_id), action=action).exists():
            return
        if change.state in _AWAITING:
            Change.objects.filter(pk=change_id).update(**values)
        for name, value in values.items():
            setattr(change, name, value)
        change_event(
            action,
            change,
            origin,
            outcome=str(values["state"]),
            before=before_of(change),
            after=after_of(change),
            **details,
        )


def _as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    dates = {name: values[name].isoformat() for name in _DATES if values.get(name)}
    return {**values, **dates, "state": str(values["state"])}


def _from_text(values: Mapping[str, Any]) -> dict[str, Any]:
    dates = {name: datetime.fromisoformat(values[name]) for name in _DATES if values.get(name)}
    return {**values, **dates}
