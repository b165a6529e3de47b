"""Keeps outcomes that the database could not take, one sealed file each, until they can be recorded.

The files are in the data folder, readable by their owner only, and bound to their change by encryption.
"""

import json
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from provisioning import encryption
from provisioning.encryption import KeyringError

logger = logging.getLogger(__name__)
_SUFFIX, _RESERVED = ".sealed", ".reserved"
# Room set aside before a request is sent: a disk that fills up meanwhile still takes its outcome.
_ROOM = 128 * 1024
_ABANDONED_AFTER = 3600


def spool_folder() -> Path:
    """Return the folder of the files; it need not exist."""
    return Path(settings.DATA_DIR) / "unrecorded-outcomes"


def spool_reserve(change_id: uuid.UUID) -> None:
    """Set room aside on the disk for an outcome. Failing, the outcome is kept if there is room later."""
    with suppress(OSError):
        spool_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(_path(change_id, _RESERVED), b"\0" * _ROOM)


def spool_release(change_id: uuid.UUID) -> None:
    """Give the room back."""
    with suppress(OSError):
        _path(change_id, _RESERVED).unlink(missing_ok=True)


def spool_keep(change_id: uuid.UUID, record: dict[str, Any]) -> bool:
    """Seal a record and write it to the disk; return whether it is there now."""
    try:
        token = encryption.seal(json.dumps(record), context=_context(change_id)).encode()
        _store(change_id, token)
    except (OSError, KeyringError, ValueError) as error:
        logger.error("the outcome of change %s could not be kept: %s", change_id, type(error).__name__)
        return False
    return True


def spool_is_empty() -> bool:
    """Return whether nothing waits to be recorded: one look at a folder."""
    return not any(spool_waiting())


def spool_waiting() -> Iterator[uuid.UUID]:
    """Yield the ids of the changes whose outcome waits to be recorded."""
    try:
        paths = sorted(spool_folder().iterdir())
    except OSError:
        return
    for path in paths:
        if path.suffix == _SUFFIX:
            with suppress(ValueError):
                yield uuid.UUID(path.stem)


def spool_read(change_id: uuid.UUID) -> dict[str, Any] | None:
    """Return the record kept for a change; None if there is none, or none that opens."""
    try:
        token = _path(change_id, _SUFFIX).read_bytes().rstrip(b"\0").decode("ascii")
        record: dict[str, Any] = json.loads(encryption.unseal(token, context=_context(change_id)).reveal())
    except FileNotFoundError:
        return None
    except (OSError, KeyringError, ValueError) as error:
        logger.error("the kept outcome of change %s does not open: %s", change_id, type(error).__name__)
        return None
    return record


def spool_forget(change_id: uuid.UUID) -> None:
    """Remove what was recorded."""
    with suppress(OSError):
        _path(change_id, _SUFFIX).unlink(missing_ok=True)


def spool_tidy() -> None:
    """Give back the room of processes that were killed."""
    with suppress(OSError):
        for path in spool_folder().glob(f"*{_RESERVED}"):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                path.unlink(missing_ok=True)


def _store(change_id: uuid.UUID, token: bytes) -> None:
    """Write the file whole or not at all; on a full disk the room set aside takes it."""
    final, reserved = _path(change_id, _SUFFIX), _path(change_id, _RESERVED)
    spool_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    written = final.with_suffix(".new")
    try:
        _write(written, token)
    except OSError:
        with suppress(OSError):
            written.unlink(missing_ok=True)
        if not reserved.exists() or len(token) > _ROOM:
            raise
        with reserved.open("r+b") as file:
            file.write(token.ljust(_ROOM, b"\0"))
            _flush(file.fileno(), file)
        written = reserved
    written.replace(final)
    folder = os.open(spool_folder(), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        _flush(descriptor, file)


def _flush(descriptor: int, file: Any) -> None:
    file.flush()
    os.fsync(descriptor)


def _path(change_id: uuid.UUID, suffix: str) -> Path:
    return spool_folder() / f"{change_id}{suffix}"


def _context(change_id: uuid.UUID) -> str:
    return f"change:{change_id}:outcome"
