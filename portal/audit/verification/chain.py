"""Verify the chain: find the first rows that are not as they were written, and what is wrong with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseFailure
from django.db import connection
from django.db.models import Func, TextField

from portal.audit.anchors import Anchor, AnchorUnavailable, describe_missing_anchors, read_anchors
from portal.audit.canonical import HASHED_FIELDS, get_stored_time, is_genuine_row
from portal.audit.chain_head import is_genuine_head
from portal.audit.keys import get_audit_keys
from portal.audit.models import GENESIS, ChainHead, Event
from portal.audit.retention.tombstones import Tombstones, read_tombstones
from portal.audit.triggers import find_missing_triggers
from portal.audit.verification.index_check import IndexCheck
from portal.audit.verification.report import Report

_SEQUENCE, _TIME, _KEY_ID, _PREVIOUS, _HASH = (
    (*HASHED_FIELDS, "hash").index(name) for name in ("sequence", "time", "key_id", "previous_hash", "hash")
)
_STAMP = _HASH + 1
# SQLite keeps times as text and compares them as text, so their spelling counts, too; a blob is no text.
_STORED_TIME = Func(
    "time",
    template="CASE WHEN typeof(%(expressions)s) = 'text' THEN CAST(%(expressions)s AS TEXT) END",
    output_field=TextField(),
)
CHUNK = 1000
# Further comparisons with the trail; each returns the contradictions in words, "" for none. Apps above add
# their tables here.
COMPARISONS: list[Callable[[], str]] = []
# Called with how many rows were read, of how many.
Progress = Callable[[int, int], None]


@dataclass
class _VerificationCursor:
    """Where the reading stands: the last row's number and hash, None if unknown; `until` is where it ends.

    `anchored` holds hashes of rows to come, more than one where anchors contradict each other. `page` is how
    many rows are read at once. `time` is that of the last row. `index` is compared only where every row is
    read.
    """

    last: int = 0
    previous: str | None = GENESIS
    until: int | None = None
    readable: bool = True
    anchored: dict[int, set[str]] = field(default_factory=dict)
    from_row: int = 0
    page: int = CHUNK
    graves: Tombstones = field(default_factory=read_tombstones)
    purged: int = 0
    time: datetime | None = None
    index: IndexCheck | None = None


def _ignore_progress(done: int, total: int) -> None:
    """Ignore the progress."""


def verify_trail(
    *,
    since_anchor: bool = False,
    first: int | None = None,
    last: int | None = None,
    kept: Sequence[Anchor] = (),
    progress: Progress = _ignore_progress,
) -> Report:
    """Verify the trail: read every row once and compare with head and anchors. Safe while others write.

    `since_anchor` begins after the last anchor that holds, `first` with that row, and `last` is the last row
    to read: what follows it, up to the head and the anchors beyond, is then not looked at. `kept` are
    anchors from elsewhere, say from mails, which count before those of the file.
    """
    report, anchors = Report(unguarded=find_missing_triggers(connection)), [*_read_anchors(), *kept]
    head = ChainHead.objects.filter(pk=1).first()
    walk = _start_cursor(anchors, since_anchor)
    _apply_range(report, walk, first, last, head)
    if not walk.from_row and walk.until is None:
        walk.index = IndexCheck()
    end = walk.until or (head.sequence if head else 0)
    _check_rows(report, walk, lambda: progress(report.rows, max(report.rows, end - walk.from_row)))
    if walk.until is None:
        _check_end(report, walk, anchors)
    elif walk.readable:
        missing = walk.graves.next_row(walk.last)
        if missing <= walk.until:
            _report_gap(report, walk.last, missing, walk.until + 1)
        _check_anchors(report, walk, [anchor for anchor in anchors if not anchor.genuine])
    _report_anchors(report, walk, anchors)
    report.disagreements = [words for check in COMPARISONS if (words := check())]
    if walk.index and report.whole and (words := walk.index.disagreement()):
        report.disagreements.append(words)
    progress(report.rows, report.rows)
    return report


def _report_anchors(report: Report, walk: _VerificationCursor, anchors: list[Anchor]) -> None:
    """Report the anchors that were compared and those that are missing."""
    genuine = [anchor for anchor in anchors if anchor.genuine]
    report.anchors = [one.sequence for one in genuine if walk.from_row <= one.sequence <= walk.last]
    report.unanchored = describe_missing_anchors(max(genuine, key=lambda one: one.sequence, default=None))


def _check_end(report: Report, walk: _VerificationCursor, anchors: list[Anchor]) -> None:
    """Check the end of the chain: the head, and anchors beyond it."""
    head = ChainHead.objects.filter(pk=1).first()
    if head and head.sequence > walk.last and report.whole:
        # Written while we were reading: the head is read last, so what it counts must be there by now.
        walk.until = head.sequence
        _check_rows(report, walk, lambda: None)
    if walk.readable:
        _check_head(report, walk, head)
        _check_anchors(report, walk, anchors)


def _start_cursor(anchors: list[Anchor], since_anchor: bool) -> _VerificationCursor:
    """Return a cursor at row 1, or at the last anchor whose row is unchanged."""
    genuine = [anchor for anchor in anchors if anchor.genuine]
    walk = _VerificationCursor()
    for anchor in genuine:
        walk.anchored.setdefault(anchor.sequence, set()).add(anchor.hash)
    if since_anchor and genuine:
        last = max(genuine, key=lambda anchor: anchor.sequence)
        if Event.objects.filter(pk=last.sequence, hash=last.hash).exists():
            walk.last, walk.previous, walk.from_row = last.sequence, last.hash, last.sequence
            walk.time = _get_time(last.sequence)
    return walk


def _apply_range(
    report: Report, walk: _VerificationCursor, first: int | None, last: int | None, head: ChainHead | None
) -> None:
    """Set the cursor to the requested rows and report the range."""
    if first and first > 1:
        walk.last = walk.from_row = first - 1
        walk.previous = Event.objects.filter(pk=walk.last).values_list("hash", flat=True).first()
        walk.time = _get_time(walk.last)
        if walk.previous is None and walk.graves.next_row(walk.last - 1) == walk.last:
            report.add(walk.last, "deleted", "it was deleted, so the next row cannot be linked to it.")
    elif walk.from_row:
        report.extent = f" after the anchor at row {walk.from_row}"
    if last and head and last < head.sequence:
        walk.until = last
    if walk.until or first:
        report.extent = f", from row {walk.from_row + 1} to {walk.until or 'the end'}"


def _read_anchors() -> list[Anchor]:
    try:
        return read_anchors()
    except AnchorUnavailable:
        return [Anchor("", 0, "", "", "", 0)]


def _check_anchors(report: Report, walk: _VerificationCursor, anchors: list[Anchor]) -> None:
    """Check for anchors beyond the end of the trail, and for edited anchors."""
    beyond = [anchor for anchor in anchors if anchor.genuine and anchor.sequence > walk.last]
    if beyond:
        furthest = max(beyond, key=lambda anchor: anchor.sequence)
        report.add(
            walk.last + 1, "cut off",
            f"according to an anchor, the trail reached row {furthest.sequence} at {furthest.time}: "
            "the end was cut off or an old copy was restored.",
        )  # fmt: skip
    for anchor in anchors:
        if not anchor.genuine:
            report.add(walk.last, "anchor", f"{anchor.trouble}; this says nothing about the rows themselves.")


def _check_rows(report: Report, walk: _VerificationCursor, read: Callable[[], None]) -> None:
    while rows := _read_page(report, walk):
        for row in rows:
            _check_row(report, walk, row)
        report.rows += len(rows)
        read()


def _read_page(report: Report, walk: _VerificationCursor) -> list[Sequence[Any]]:
    """Read the next rows completely: an open query would block every write to SQLite.

    If they cannot be read, fewer, down to the one that is to blame: SQLite stores what is not of its type.
    """
    rows = Event.objects.order_by("sequence")
    if walk.last:
        rows = rows.filter(sequence__gt=walk.last)
    if walk.until is not None:
        rows = rows.filter(sequence__lte=walk.until)
    columns: list[Any] = [*HASHED_FIELDS, "hash"]
    if connection.vendor == "sqlite":
        columns.append(_STORED_TIME)
    while walk.page:
        try:
            return list(rows.values_list(*columns)[: walk.page])
        except (DatabaseFailure, ValueError, OverflowError, TypeError):
            walk.page //= 10
    # A database that does not answer is no broken row: that raises here.
    found = rows.values_list("sequence", flat=True).first()
    walk.readable = False
    report.add(found or walk.last + 1, "edited", "it was edited and can no longer be read.")
    return []


def _check_row(report: Report, walk: _VerificationCursor, row: Sequence[Any]) -> None:
    sequence, expected = row[_SEQUENCE], _get_expected_row(walk, row[_SEQUENCE])
    if sequence != expected:
        _report_gap(report, walk.last, expected, sequence)
    elif row[_KEY_ID] not in get_audit_keys():
        report.add(sequence, "wrong key", "it is sealed with a key that the portal does not have.")
    elif not is_genuine_row(row[:_STAMP]):
        report.add(sequence, *_diagnose_row(row, walk))
    elif len(row) > _STAMP and row[_STAMP] != get_stored_time(row[_TIME]):
        report.add(sequence, "edited", "it was edited: its time is not stored in the portal's format.")
    elif walk.time and row[_TIME] < walk.time:
        report.add(
            sequence,
            "time",
            "its time is earlier than that of the row before it: times were changed.",
        )
    elif not walk.graves.follows(walk.last, walk.previous, (sequence, row[_PREVIOUS], row[_HASH])):
        report.add(
            sequence, "reordered", "it does not follow the row before it: rows were replaced or reordered."
        )
    elif walk.anchored.get(sequence, {row[_HASH]}) != {row[_HASH]}:
        report.add(sequence, "rewritten", "it does not match its anchor: it was rewritten.")
    walk.purged += sequence - walk.last - 1 if sequence == expected else 0
    walk.last, walk.previous = sequence, row[_HASH]
    walk.time = max(walk.time or row[_TIME], row[_TIME]) if row[_TIME] else walk.time
    if walk.index and report.whole:
        walk.index.add(row)


def _get_time(sequence: int) -> datetime | None:
    """Return the time of a row before the range; None if it is missing or unreadable."""
    try:
        return Event.objects.filter(pk=sequence).values_list("time", flat=True).first()
    except (ValueError, OverflowError, TypeError):
        return None


def _get_expected_row(walk: _VerificationCursor, found: int) -> int:
    """Return the number of the next expected row; purged rows are skipped."""
    expected = walk.graves.next_row(walk.last)
    if found > expected:
        # A purge may have come between the tombstones and this row.
        walk.graves = read_tombstones()
        expected = walk.graves.next_row(walk.last)
    return expected


def _report_gap(report: Report, last: int, expected: int, found: int) -> None:
    if last < found < expected:
        # Or it was read before it was purged.
        if Event.objects.filter(pk=found).exists():
            report.add(found, "inserted", "it was purged, and someone put it back.")
    elif found < expected:
        report.add(found, "inserted", "it was inserted before the beginning.")
    elif found == expected + 1:
        report.add(expected, "deleted", "it was deleted.")
    else:
        report.add(expected, "deleted", f"it and all rows up to {found - 1} were deleted.")


def _diagnose_row(row: Sequence[Any], walk: _VerificationCursor) -> tuple[str, str]:
    """Return what was done to a row with a wrong hash; "edited" if nothing else is known."""
    before = Event.objects.filter(hash=row[_PREVIOUS]).values_list("sequence", flat=True).first()
    for original in {(before or 0) + 1, row[_SEQUENCE] - 1, row[_SEQUENCE] + 1} - {row[_SEQUENCE]}:
        if is_genuine_row([original, *row[1:_STAMP]]):
            return "reordered", f"rows were reordered: this one was written as row {original}."
    follower = Event.objects.filter(previous_hash=walk.previous).exclude(pk=row[_SEQUENCE])
    if row[_PREVIOUS] != walk.previous and follower.exists():
        return "inserted", "it was inserted: the portal did not write it."
    return "edited", "it was edited: its content does not match its seal."


def _check_head(report: Report, walk: _VerificationCursor, head: ChainHead | None) -> None:
    if head is None:
        report.add(walk.last + 1, "cut off", "the head of the chain is missing; the end may be cut off.")
    elif not is_genuine_head(head):
        report.add(head.sequence, "head", "the head of the chain was edited: its seal does not match.")
    elif head.sequence > walk.last:
        report.add(walk.last + 1, "cut off", f"the end was cut off: rows up to {head.sequence} are missing.")
    elif head.sequence < walk.last:
        report.add(
            head.sequence + 1, "inserted", f"rows were inserted after the end, which is row {head.sequence}."
        )
    elif report.whole and (
        head.hash != walk.previous or head.count != walk.from_row + walk.purged + report.rows
    ):
        report.add(head.sequence, "head", "the head of the chain does not match the last row.")
