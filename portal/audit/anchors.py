"""Anchors: the head of the chain, stored outside the database, so that a cut-off or restored trail is found.

An append-only file of JSON lines, each sealed with the audit key (settings.AUDIT_ANCHOR_FILE).
"""

import json
import logging
import os
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from portal.audit.chain_head import EndAltered, get_last_time
from portal.audit.keys import compute_digest, get_audit_keys, get_current_key_id
from portal.audit.models import ChainHead, Event

logger = logging.getLogger(__name__)
# Clocks of several machines differ: this many seconds ahead are tolerated.
FUTURE = 60
# The line number of an anchor that does not come from the file.
KEPT = -1
# The last anchors are within this many bytes at the end of the file.
TAIL = 4096
_turn = threading.Lock()
# When this process checks the age of the last anchor again (time.monotonic), by file. Until then none can be
# due, since other processes only write later ones.
_look_at: dict[Path, float] = {}


@dataclass(frozen=True)
class Anchor:
    """The end of the chain at a time. `seal` is "" for an unreadable anchor at `line`."""

    time: str
    sequence: int
    hash: str
    key_id: str
    seal: str
    line: int = 0

    @property
    def genuine(self) -> bool:
        """Return whether the portal wrote the anchor."""
        known = self.key_id in get_audit_keys()
        return known and self.seal == _seal(self.key_id, self.time, self.sequence, self.hash)

    @property
    def trouble(self) -> str:
        """Describe an anchor that is not genuine."""
        if self.line == KEPT:
            return "the anchor to compare with was not written by this portal, or its key is missing"
        return (
            f"line {self.line} of the anchor file was edited"
            if self.line
            else "the anchor file cannot be read"
        )

    @property
    def values(self) -> dict[str, str | int]:
        """Return the JSON values that are written to the file."""
        return {name: value for name, value in asdict(self).items() if name != "line"}


class AnchorUnavailable(Exception):  # noqa: N818 - reads as what happened
    """The anchor file cannot be written or read."""


def write_anchor() -> Anchor | None:
    """Write the head of the chain as an anchor; None if there is no event. Raises AnchorUnavailable.

    An altered end of the trail is not anchored, because the anchor would confirm it.
    """
    head = ChainHead.objects.get(pk=1)
    if not head.sequence:
        return None
    try:
        get_last_time(head)
    except EndAltered as trouble:
        raise AnchorUnavailable(f"The audit trail was tampered with: {trouble}.") from None
    return _append_anchor(head.sequence, head.hash)


def write_due_anchor() -> None:
    """Write an anchor if events came after the last one and its time is up. Workers call it regularly."""
    if not settings.AUDIT_ANCHOR_MINUTES:
        return
    last, end = read_last_anchor(), ChainHead.objects.values_list("sequence", flat=True).first() or 0
    if end > (last.sequence if last else 0) and _is_old(last):
        write_anchor()


def write_anchor_after(event: Event) -> None:
    """Write an anchor if one is due after this committed event. Never raises: the change comes first."""
    every = settings.AUDIT_ANCHOR_EVENTS
    # The first event is anchored at once: without an anchor, an empty trail in its place goes unnoticed.
    counted = every > 0 and (event.sequence == 1 or event.sequence % every == 0)
    try:
        due = True if counted else _check_last_anchor()
        if due:
            _append_anchor(event.sequence, event.hash)
    except Exception as error:
        logger.error("no audit anchor could be written: %s", type(error).__name__)


def _check_last_anchor() -> bool:
    """Look at the last anchor if it may be due; return whether it is missing or AUDIT_ANCHOR_MINUTES old."""
    seconds, now, file = 60 * settings.AUDIT_ANCHOR_MINUTES, time.monotonic(), get_anchor_file()
    if seconds <= 0 or now < _look_at.get(file, now):
        return False
    with _turn:
        if now < _look_at.get(file, now):
            return False  # another thread has just looked
        last = read_last_anchor()
        due = _is_old(last)
        age = 0.0 if due or last is None else _age(last)
        _look_at[file] = now + max(1.0, seconds - age)
    return due


def _is_old(last: Anchor | None) -> bool:
    """Return whether another anchor is due. One from the future was written with a wrong clock."""
    return last is None or not -FUTURE <= _age(last) < 60 * settings.AUDIT_ANCHOR_MINUTES


def _age(anchor: Anchor) -> float:
    """Return the seconds since an anchor was written."""
    return (datetime.now(UTC) - datetime.fromisoformat(anchor.time)).total_seconds()


def read_anchors() -> list[Anchor]:
    """Return all anchors of the file in order, unreadable lines as not genuine ones; [] without a file.

    Raises AnchorUnavailable.
    """
    try:
        lines = get_anchor_file().read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AnchorUnavailable("The anchor file cannot be read.") from error
    return [_parse_line(line, number) for number, line in enumerate(lines, 1) if line.strip()]


def read_last_anchor() -> Anchor | None:
    """Return the last genuine anchor near the end of the file, or None. Raises AnchorUnavailable."""
    try:
        with get_anchor_file().open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AnchorUnavailable("The anchor file cannot be read.") from error
    return next((anchor for line in reversed(lines) if (anchor := _parse_line(line, KEPT)).genuine), None)


def parse_anchor(text: str) -> Anchor:
    """Parse an anchor from elsewhere, such as a mail or a line with a syslog header."""
    return _parse_line(text[text.find("{") : text.rfind("}") + 1], KEPT)


def get_anchor_file() -> Path:
    """Return the anchor file; it should be on another disk or host than the database."""
    return Path(settings.AUDIT_ANCHOR_FILE)


def _append_anchor(sequence: int, head_hash: str) -> Anchor:
    now, key_id = datetime.now(UTC).isoformat(timespec="microseconds"), get_current_key_id()
    anchor = Anchor(now, sequence, head_hash, key_id, _seal(key_id, now, sequence, head_hash))
    try:
        get_anchor_file().parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: writers at once do not mix their lines.
        file = os.open(get_anchor_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, (json.dumps(anchor.values) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise AnchorUnavailable("The anchor file cannot be written.") from error
    return anchor


def _parse_line(line: str, number: int) -> Anchor:
    try:
        values = json.loads(line)
        return Anchor(
            str(values["time"]), int(values["sequence"]), str(values["hash"]), str(values["key_id"]),
            str(values["seal"]), number,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return Anchor("", 0, "", "", "", number)


def _seal(key_id: str, moment: str, sequence: int, head_hash: str) -> str:
    return compute_digest(key_id, f"anchor:{moment}:{sequence}:{head_hash}")


def find_anchor_problem() -> str:
    """Describe the problem with the anchor file, "" for none. Reads its end, and opens it for writing."""
    try:
        last = read_last_anchor()
    except AnchorUnavailable as failure:
        return str(failure)
    missing = describe_missing_anchors(last)
    if missing:
        return missing
    end = ChainHead.objects.values_list("sequence", flat=True).first() or 0
    if last is not None and last.sequence > end:
        return (
            f"The trail ends at row {end:,}, but there is an anchor at row {last.sequence:,}. The end was "
            "cut off or an old copy was restored. Verify the whole trail."
        )
    try:
        # The file is created if necessary: permissions do not prove that the disk is writable.
        get_anchor_file().parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(get_anchor_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError:
        return "The anchor file cannot be written."
    return ""


def describe_missing_anchors(last: Anchor | None) -> str:
    """Describe missing anchors after `last`, by the events of the trail; "" for none."""
    every = settings.AUDIT_ANCHOR_EVENTS
    end = ChainHead.objects.values_list("sequence", flat=True).first() or 0
    asked = Event.objects.filter(action="audit.anchored").values_list("sequence", flat=True).first() or 0
    if last is None and (asked or (end and (every > 0 or settings.AUDIT_ANCHOR_MINUTES > 0))):
        return (
            f"There is no anchor to compare with, although the trail has {end:,} rows. "
            "The end of the trail may have been cut off."
        )
    # Twice as many: the last one may be being written.
    if last and (last.sequence < asked or 0 < 2 * every < end - last.sequence):
        return (
            f"The last anchor is at row {last.sequence:,} of {end:,}. Later anchors could not be written "
            "or were removed."
        )
    return ""
