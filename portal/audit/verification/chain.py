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
from portal.audit.verification.report import VerificationReport
from provisioning.registry import Registry

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
COMPARISONS: Registry[Callable[[], str]] = Registry("comparisons with the audit trail")
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
    tombstones: Tombstones = field(default_factory=read_tombstones)
    purged: int = 0
    time: datetime | None = None
    index: IndexCheck | None = None


def verify_trail(
    *,
    since_anchor: bool = False,
    first: int | None = None,
    last: int | None = None,
    kept: Sequence[Anchor] = (),
    progress: Progress = lambda done, total: None,
) -> VerificationReport:
    """Verify the trail: read every row once and compare with head and anchors. Safe while others write.

    `since_anchor` begins after the last anchor that holds, `first` with that row, and `last` is the last row
    to read: what follows it, up to the head and the anchors beyond, is then not looked at. `kept` are
    anchors from elsewhere, say from mails, which count before those of the file.
    """
    report = VerificationReport(unguarded=find_missing_triggers(connection))
    try:
        anchors = [*read_anchors(), *kept]
    except AnchorUnavailable:
        anchors = [Anchor("", 0, "", "", "", 0), *kept]
    head = ChainHead.objects.filter(pk=1).first()
    cursor = _start_cursor(report, anchors, since_anchor=since_anchor, first=first, last=last, head=head)
    if not cursor.from_row and cursor.until is None:
        cursor.index = IndexCheck()
    end = cursor.until or (head.sequence if head else 0)
    _check_rows(report, cursor, lambda: progress(report.rows, max(report.rows, end - cursor.from_row)))
    if cursor.until is None:
        _check_end(report, cursor, anchors)
    elif cursor.readable:
        missing = cursor.tombstones.next_row(cursor.last)
        if missing <= cursor.until:
            _report_gap(report, cursor.last, missing, cursor.until + 1)
        _check_anchors(report, cursor, [anchor for anchor in anchors if not anchor.genuine])
    genuine = [anchor for anchor in anchors if anchor.genuine]
    report.anchors = [one.sequence for one in genuine if cursor.from_row <= one.sequence <= cursor.last]
    report.unanchored = describe_missing_anchors(max(genuine, key=lambda one: one.sequence, default=None))
    report.disagreements = [words for check in COMPARISONS.values() if (words := check())]
    if cursor.index and report.whole and (words := cursor.index.describe_disagreement()):
        report.disagreements.append(words)
    progress(report.rows, report.rows)
    return report


def _start_cursor(
    report: VerificationReport,
    anchors: list[Anchor],
    *,
    since_anchor: bool,
    first: int | None,
    last: int | None,
    head: ChainHead | None,
) -> _VerificationCursor:
    """Return a cursor at row 1, at the last anchor whose row is unchanged or at `first`; report the range."""
    genuine = [anchor for anchor in anchors if anchor.genuine]
    cursor = _VerificationCursor()
    for anchor in genuine:
        cursor.anchored.setdefault(anchor.sequence, set()).add(anchor.hash)
    if since_anchor and genuine:
        newest = max(genuine, key=lambda anchor: anchor.sequence)
        if Event.objects.filter(pk=newest.sequence, hash=newest.hash).exists():
            cursor.last, cursor.previous, cursor.from_row = newest.sequence, newest.hash, newest.sequence
            cursor.time = _get_time(newest.sequence)
    if first and first > 1:
        cursor.last = cursor.from_row = first - 1
        cursor.previous = Event.objects.filter(pk=cursor.last).values_list("hash", flat=True).first()
        cursor.time = _get_time(cursor.last)
        if cursor.previous is None and cursor.tombstones.next_row(cursor.last - 1) == cursor.last:
            report.add(cursor.last, "deleted", "it was deleted, so the next row cannot be linked to it.")
    elif cursor.from_row:
        report.extent = f" after the anchor at row {cursor.from_row}"
    if last and head and last < head.sequence:
        cursor.until = last
    if cursor.until or first:
        report.extent = f", from row {cursor.from_row + 1} to {cursor.until or 'the end'}"
    return cursor


def _check_end(report: VerificationReport, cursor: _VerificationCursor, anchors: list[Anchor]) -> None:
    """Check the end of the chain: the head, and anchors beyond it."""
    head = ChainHead.objects.filter(pk=1).first()
    if head and head.sequence > cursor.last and report.whole:
        # Written while we were reading: the head is read last, so what it counts must be there by now.
        cursor.until = head.sequence
        _check_rows(report, cursor, lambda: None)
    if not cursor.readable:
        return
    last = cursor.last
    if head is None:
        report.add(last + 1, "cut off", "the head of the chain is missing; the end may be cut off.")
    elif not is_genuine_head(head):
        report.add(head.sequence, "head", "the head of the chain was edited: its seal does not match.")
    elif head.sequence > last:
        report.add(last + 1, "cut off", f"the end was cut off: rows up to {head.sequence} are missing.")
    elif head.sequence < last:
        report.add(
            head.sequence + 1, "inserted", f"rows were inserted after the end, which is row {head.sequence}."
        )
    elif report.whole and (
        head.hash != cursor.previous or head.count != cursor.from_row + cursor.purged + report.rows
    ):
        report.add(head.sequence, "head", "the head of the chain does not match the last row.")
    _check_anchors(report, cursor, anchors)


def _check_anchors(report: VerificationReport, cursor: _VerificationCursor, anchors: list[Anchor]) -> None:
    """Check for anchors beyond the end of the trail, and for edited anchors."""
    beyond = [anchor for anchor in anchors if anchor.genuine and anchor.sequence > cursor.last]
    if beyond:
        furthest = max(beyond, key=lambda anchor: anchor.sequence)
        report.add(
            cursor.last + 1, "cut off",
            f"according to an anchor, the trail reached row {furthest.sequence} at {furthest.time}: "
            "the end was cut off or an old copy was restored.",
        )  # fmt: skip
    for anchor in anchors:
        if not anchor.genuine:
            report.add(
                cursor.last, "anchor", f"{anchor.trouble}; this says nothing about the rows themselves."
            )


def _check_rows(
    report: VerificationReport, cursor: _VerificationCursor, show_progress: Callable[[], None]
) -> None:
    """Read and check the rows page by page; call `show_progress` after each page."""
    rows = _read_page(report, cursor)
    while rows:
        for row in rows:
            _check_row(report, cursor, row)
        report.rows += len(rows)
        show_progress()
        rows = _read_page(report, cursor)


def _read_page(report: VerificationReport, cursor: _VerificationCursor) -> list[Sequence[Any]]:
    """Read the next rows completely: an open query would block every write to SQLite.

    If they cannot be read, fewer, down to the one that is to blame: SQLite stores what is not of its type.
    """
    rows = Event.objects.order_by("sequence")
    if cursor.last:
        rows = rows.filter(sequence__gt=cursor.last)
    if cursor.until is not None:
        rows = rows.filter(sequence__lte=cursor.until)
    columns: list[Any] = [*HASHED_FIELDS, "hash"]
    if connection.vendor == "sqlite":
        columns.append(_STORED_TIME)
    while cursor.page:
        try:
            return list(rows.values_list(*columns)[: cursor.page])
        except (DatabaseFailure, ValueError, OverflowError, TypeError):
            cursor.page //= 10
    # A database that does not answer is no broken row: that raises here.
    found = rows.values_list("sequence", flat=True).first()
    cursor.readable = False
    report.add(found or cursor.last + 1, "edited", "it was edited and can no longer be read.")
    return []


def _check_row(report: VerificationReport, cursor: _VerificationCursor, row: Sequence[Any]) -> None:
    sequence, expected = row[_SEQUENCE], cursor.tombstones.next_row(cursor.last)
    if sequence > expected:
        # A purge may have come between reading the tombstones and this row.
        cursor.tombstones = read_tombstones()
        expected = cursor.tombstones.next_row(cursor.last)
    if sequence != expected:
        _report_gap(report, cursor.last, expected, sequence)
    elif row[_KEY_ID] not in get_audit_keys():
        report.add(sequence, "wrong key", "it is sealed with a key that the portal does not have.")
    elif not is_genuine_row(row[:_STAMP]):
        report.add(sequence, *_diagnose_row(row, cursor))
    elif len(row) > _STAMP and row[_STAMP] != get_stored_time(row[_TIME]):
        report.add(sequence, "edited", "it was edited: its time is not stored in the portal's format.")
    elif cursor.time and row[_TIME] < cursor.time:
        report.add(
            sequence,
            "time",
            "its time is earlier than that of the row before it: times were changed.",
        )
    elif not cursor.tombstones.follows(cursor.last, cursor.previous, (sequence, row[_PREVIOUS], row[_HASH])):
        report.add(
            sequence, "reordered", "it does not follow the row before it: rows were replaced or reordered."
        )
    elif cursor.anchored.get(sequence, {row[_HASH]}) != {row[_HASH]}:
        report.add(sequence, "rewritten", "it does not match its anchor: it was rewritten.")
    cursor.purged += sequence - cursor.last - 1 if sequence == expected else 0
    cursor.last, cursor.previous = sequence, row[_HASH]
    cursor.time = max(cursor.time or row[_TIME], row[_TIME]) if row[_TIME] else cursor.time
    if cursor.index and report.whole:
        cursor.index.add(row)


def _get_time(sequence: int) -> datetime | None:
    """Return the time of a row before the range; None if it is missing or unreadable."""
    try:
        return Event.objects.filter(pk=sequence).values_list("time", flat=True).first()
    except (ValueError, OverflowError, TypeError):
        return None


def _report_gap(report: VerificationReport, last: int, expected: int, found: int) -> None:
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


def _diagnose_row(row: Sequence[Any], cursor: _VerificationCursor) -> tuple[str, str]:
    """Return what was done to a row with a wrong hash; "edited" if nothing else is known."""
    before = Event.objects.filter(hash=row[_PREVIOUS]).values_list("sequence", flat=True).first()
    for original in {(before or 0) + 1, row[_SEQUENCE] - 1, row[_SEQUENCE] + 1} - {row[_SEQUENCE]}:
        if is_genuine_row([original, *row[1:_STAMP]]):
            return "reordered", f"rows were reordered: this one was written as row {original}."
    follower = Event.objects.filter(previous_hash=cursor.previous).exclude(pk=row[_SEQUENCE])
    if row[_PREVIOUS] != cursor.previous and follower.exists():
        return "inserted", "it was inserted: the portal did not write it."
    return "edited", "it was edited: its content does not match its seal."
