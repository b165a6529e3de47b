"""Record the outcome of a change exactly once: at once, later from a file, or as interrupted or expired.

An outcome that the database cannot take is spooled: encrypted into a file of the data folder, until
it can be recorded. The files are readable by their owner only and bound to their change by encryption.
"""

import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Q
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import Origin, get_system_origin
from portal.changes.errors import AuditWriteError
from portal.changes.models import CORRECTABLE, Change, State
from portal.changes.records import durable_record, get_old_values, record_change_event
from portal.core.database import lock_timeout
from portal.core.health import HealthCheckError
from portal.core.text import database_safe
from portal.form_drafts.services import SECRETS_KEPT_FOR
from provisioning import encryption
from provisioning.encryption import KeyringError

logger = logging.getLogger(__name__)
# A late outcome is still recorded in these states: it is more reliable than what was settled without it.
_AWAITING = (State.SENDING, State.UNKNOWN, State.NOT_FOUND)
# Seconds that recording an outcome waits for a lock, before the outcome is spooled.
_LOCK_SECONDS = 5
# Seconds. An immediate second try helps after a lost connection, but not after a wait for a lock.
_QUICK = 2.0
# Seconds between tries to record spooled outcomes while the database does not take them.
_RETRY_SECONDS = 5.0
_DATES = ("finished_at", "secrets_until")
_SUFFIX, _RESERVED = ".sealed", ".reserved"
# Bytes reserved before a request is sent, so that a disk that fills up in between still takes its outcome.
_RESERVED_SIZE = 128 * 1024
_ABANDONED_AFTER = 3600
# Unsent bodies may hold secrets, so they are deleted after this time.
KEPT_FOR = timedelta(hours=24)
_UNKNOWN = (
    "The portal was interrupted while it sent this change. It may or may not have reached the gateway. "
    "It is not sent again until the outcome is known."
)
_UNSENT = "The portal was interrupted before it sent this change. Nothing reached the gateway."
_EXPIRED = "Nobody confirmed this change within 24 hours. Nothing was sent."


def record_outcome(
    change: Change, values: Mapping[str, Any], origin: Origin, details: dict[str, Any]
) -> bool:
    """Record the values and the event of an outcome; return False if it had to be spooled.

    `change` carries the values afterwards in any case.
    """
    values = {**values, "finished_at": timezone.now()}
    dates = {name: values[name].isoformat() for name in _DATES if values.get(name)}
    record = {
        "values": {**values, **dates, "state": str(values["state"])},
        "origin": asdict(origin),
        "details": database_safe(details),
    }
    recorded = False
    for attempt in range(2):
        began = time.monotonic()
        try:
            _write_outcome(change.pk, record, repeated=attempt > 0)
        except (AuditWriteError, DatabaseError) as error:
            logger.warning("recording change %s failed: %s", change.pk, type(error).__name__)
            if connection.errors_occurred and not connection.in_atomic_block:
                connection.close()  # it may be lost; the second try opens another one
            if time.monotonic() - began > _QUICK:
                break
        else:
            recorded = True
            break
    for name, value in values.items():
        setattr(change, name, value)
    if not recorded:
        spooled = spool_outcome(change.pk, record)
        logger.error(
            "The outcome of change %s could not be recorded. Kept in a file: %s.", change.pk, spooled
        )
    release_spool_space(change.pk)
    return recorded


def record_spooled_outcomes() -> int:
    """Record every spooled outcome; return how many. Can be called at any time."""
    delete_abandoned_space()
    count = 0
    for change_id in list(list_spooled_changes()):
        record = read_spooled_outcome(change_id)
        if record is None:
            continue
        try:
            _write_outcome(change_id, record, repeated=True)
        except (AuditWriteError, DatabaseError):
            return count
        except Change.DoesNotExist:
            logger.error("There is no change %s any more for the outcome that was kept.", change_id)
            continue
        delete_spooled_outcome(change_id)
        count += 1
    return count


class _NextTry:
    """When this process may try again to record spooled outcomes (time.monotonic)."""

    at = 0.0


def record_spooled_outcomes_soon(**_: Any) -> None:
    """Record spooled outcomes at a request, unless that was tried just now. Costs a directory listing."""
    if time.monotonic() < _NextTry.at or is_spool_empty():
        return
    _NextTry.at = time.monotonic() + _RETRY_SECONDS
    try:
        record_spooled_outcomes()
    except Exception as error:  # a request must not fail because of an older one
        logger.warning("kept outcomes could not be recorded: %s", type(error).__name__)


def _write_outcome(change_id: uuid.UUID, record: dict[str, Any], *, repeated: bool) -> None:
    """Write the row and its event in one transaction. `repeated`: an earlier try may have succeeded."""
    values = dict(record["values"])
    for name in _DATES:
        if values.get(name):
            values[name] = datetime.fromisoformat(values[name])
    origin = Origin(**record["origin"])
    with lock_timeout(_LOCK_SECONDS), durable_record():
        change = Change.objects.select_for_update().get(pk=change_id)
        action = f"change.{values['state']}"
        if repeated and Event.objects.filter(change_id=str(change_id), action=action).exists():
            return
        if change.state in _AWAITING:
            Change.objects.filter(pk=change_id).update(**values)
        for name, value in values.items():
            setattr(change, name, value)
        record_change_event(
            action,
            change,
            origin,
            outcome=str(values["state"]),
            before=get_old_values(change),
            after=change.changed_values,
            **record["details"],
        )


def get_spool_folder() -> Path:
    """Return the folder of the files; it need not exist."""
    return Path(settings.DATA_DIR) / "unrecorded-outcomes"


def reserve_spool_space(change_id: uuid.UUID) -> None:
    """Reserve disk space for an outcome. If that fails, the outcome is spooled if there is space later."""
    with suppress(OSError):
        get_spool_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_file(_path(change_id, _RESERVED), b"\0" * _RESERVED_SIZE)


def release_spool_space(change_id: uuid.UUID) -> None:
    """Delete the reserved space."""
    with suppress(OSError):
        _path(change_id, _RESERVED).unlink(missing_ok=True)


def spool_outcome(change_id: uuid.UUID, record: dict[str, Any]) -> bool:
    """Encrypt a record and write it to the disk; return whether that worked."""
    try:
        token = encryption.seal(json.dumps(record), context=_context(change_id)).encode()
        _write_token(change_id, token)
    except (OSError, KeyringError, ValueError) as error:
        logger.error("the outcome of change %s could not be kept: %s", change_id, type(error).__name__)
        return False
    return True


def is_spool_empty() -> bool:
    """Return whether no outcome waits to be recorded."""
    return not any(list_spooled_changes())


def list_spooled_changes() -> Iterator[uuid.UUID]:
    """Yield the ids of the changes whose outcome waits to be recorded."""
    try:
        paths = sorted(get_spool_folder().iterdir())
    except OSError:
        return
    for path in paths:
        if path.suffix == _SUFFIX:
            with suppress(ValueError):
                yield uuid.UUID(path.stem)


def read_spooled_outcome(change_id: uuid.UUID) -> dict[str, Any] | None:
    """Return the spooled record of a change; None if there is none, or it cannot be decrypted."""
    try:
        token = _path(change_id, _SUFFIX).read_bytes().rstrip(b"\0").decode("ascii")
        record: dict[str, Any] = json.loads(encryption.unseal(token, context=_context(change_id)).reveal())
    except FileNotFoundError:
        return None
    except (OSError, KeyringError, ValueError) as error:
        logger.error("the kept outcome of change %s does not open: %s", change_id, type(error).__name__)
        return None
    return record


def delete_spooled_outcome(change_id: uuid.UUID) -> None:
    """Delete the file of an outcome that is recorded now."""
    with suppress(OSError):
        _path(change_id, _SUFFIX).unlink(missing_ok=True)


def delete_abandoned_space() -> None:
    """Delete the reserved space of processes that were killed."""
    with suppress(OSError):
        for path in get_spool_folder().glob(f"*{_RESERVED}"):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                path.unlink(missing_ok=True)


def _write_token(change_id: uuid.UUID, token: bytes) -> None:
    """Write the file completely or not at all; on a full disk, into the reserved space."""
    final, reserved = _path(change_id, _SUFFIX), _path(change_id, _RESERVED)
    get_spool_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    written = final.with_suffix(".new")
    try:
        _write_file(written, token)
    except OSError:
        with suppress(OSError):
            written.unlink(missing_ok=True)
        if not reserved.exists() or len(token) > _RESERVED_SIZE:
            raise
        with reserved.open("r+b") as file:
            file.write(token.ljust(_RESERVED_SIZE, b"\0"))
            _flush(file.fileno(), file)
        written = reserved
    written.replace(final)
    folder = os.open(get_spool_folder(), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_file(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        _flush(descriptor, file)


def _flush(descriptor: int, file: Any) -> None:
    file.flush()
    os.fsync(descriptor)


def _path(change_id: uuid.UUID, suffix: str) -> Path:
    return get_spool_folder() / f"{change_id}{suffix}"


def _context(change_id: uuid.UUID) -> str:
    return f"change:{change_id}:outcome"


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
    # Generated secrets that were not shown in time, and bodies that are no longer needed.
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
    return settled


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


def check_unknown_outcomes() -> None:
    """Raise HealthCheckError while the outcome of a change is unknown."""
    unknown = Change.objects.filter(state=State.UNKNOWN)
    count = unknown.count()
    if count:
        since = unknown.earliest("created_at").created_at
        raise HealthCheckError(
            f"{count} change(s) have an unknown outcome, the oldest since {since:%Y-%m-%d %H:%M} UTC: "
            "open Changes and check them"
        )


def check_unrecorded_outcomes() -> None:
    """Raise HealthCheckError while outcomes are spooled on this machine."""
    count = sum(1 for _ in list_spooled_changes())
    if count:
        raise HealthCheckError(f"{count} outcome(s) of changes are kept in files and not recorded yet")
