"""Reads the whole chain and names the first row that is not as it was written, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DatabaseFailure

from portal.audit.anchors import Anchor, AnchorUnavailable, anchors_read
from portal.audit.canonical import HASHED_FIELDS, row_text
from portal.audit.keys import audit_keys, keyed_digest
from portal.audit.models import GENESIS, Event, Head
from portal.audit.services import head_seal

_SEQUENCE, _KEY_ID, _PREVIOUS, _HASH = (
    (*HASHED_FIELDS, "hash").index(name) for name in ("sequence", "key_id", "previous_hash", "hash")
)
MOST_PROBLEMS = 20
CHUNK = 2000


@dataclass(frozen=True)
class Problem:
    """One broken place: `sequence` is the number of the row, `kind` one word, `text` for people."""

    sequence: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"Row {self.sequence}: {self.text}"


@dataclass
class Report:
    """What verification found. `rows` were read; `problems` holds the first MOST_PROBLEMS, in order."""

    rows: int = 0
    begin: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Nothing was touched."""
        return not self.problems

    def add(self, sequence: int, kind: str, text: str) -> None:
        """Notes a problem."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(sequence, kind, text))


@dataclass
class _Walk:
    """Where the reading stands: the last row's number and hash. `anchored` holds hashes of rows to come."""

    last: int = 0
    previous: str = GENESIS
    readable: bool = True
    anchored: dict[int, str] = field(default_factory=dict)
    from_row: int = 0


def audit_verify(*, since_anchor: bool = False) -> Report:
    """Reads every row once, streaming, and compares with the head and the anchors. Safe while others write.

    `since_anchor` begins after the last anchor that holds, instead of with the first row.
    """
    report, anchors = Report(), _anchors()
    walk = _walk(anchors, since_anchor)
    report.begin = f" after the anchor at row {walk.from_row}" if walk.from_row else ""
    _rows_check(report, walk, None)
    head = Head.objects.filter(pk=1).first()
    if head and head.sequence > walk.last and report.whole:
        # Written while we were reading: the head is read last, so what it counts must be there by now.
        _rows_check(report, walk, head.sequence)
    if walk.readable:
        _head_check(report, walk, head)
        _anchors_check(report, walk, anchors)
    return report


def _walk(anchors: list[Anchor], since_anchor: bool) -> _Walk:
    """The beginning: row 1, or the last anchor whose row is there as it was."""
    genuine = [anchor for anchor in anchors if anchor.genuine]
    walk = _Walk(anchored={anchor.sequence: anchor.hash for anchor in genuine})
    if since_anchor and genuine:
        last = max(genuine, key=lambda anchor: anchor.sequence)
        if Event.objects.filter(pk=last.sequence, hash=last.hash).exists():
            walk.last, walk.previous, walk.from_row = last.sequence, last.hash, last.sequence
    return walk


def _anchors() -> list[Anchor]:
    try:
        return anchors_read()
    except AnchorUnavailable:
        return [Anchor("", 0, "", "", "", 0)]


def _anchors_check(report: Report, walk: _Walk, anchors: list[Anchor]) -> None:
    """What the anchors know and the database does not: rows that were there once, with other content."""
    beyond = [anchor for anchor in anchors if anchor.genuine and anchor.sequence > walk.last]
    if beyond:
        furthest = max(beyond, key=lambda anchor: anchor.sequence)
        report.add(
            walk.last + 1, "cut off",
            f"the trail went up to row {furthest.sequence} at {furthest.time}, says an anchor: "
            "the end was cut off or an old copy restored.",
        )  # fmt: skip
    for anchor in anchors:
        if not anchor.genuine:
            where = (
                f"line {anchor.line} of the anchor file was edited"
                if anchor.line
                else "the anchor file cannot be read"
            )
            report.add(walk.last, "anchor", f"{where}; the rows themselves are another matter.")


def _rows_check(report: Report, walk: _Walk, until: int | None) -> None:
    # Once more one by one if a chunk cannot be read, to name the row: SQLite stores what is not of its type.
    for chunk in (CHUNK, 1):
        try:
            for row in _rows(walk.last, until, chunk):
                _row_check(report, walk, row)
                report.rows += 1
            return
        except (DatabaseFailure, ValueError, OverflowError, TypeError):
            continue
    walk.readable = False
    report.add(walk.last + 1, "edited", "it was edited: it cannot even be read.")


def _rows(after: int, until: int | None, chunk: int) -> Iterator[Sequence[Any]]:
    rows = Event.objects.order_by("sequence").values_list(*HASHED_FIELDS, "hash")
    if after:
        rows = rows.filter(sequence__gt=after)
    if until is not None:
        rows = rows.filter(sequence__lte=until)
    return rows.iterator(chunk_size=chunk)


def _row_check(report: Report, walk: _Walk, row: Sequence[Any]) -> None:
    sequence = row[_SEQUENCE]
    if sequence != walk.last + 1:
        _gap(report, walk.last + 1, sequence)
    elif row[_KEY_ID] not in audit_keys():
        report.add(sequence, "wrong key", "it is sealed with a key that the portal does not have.")
    elif not _genuine(row, sequence):
        report.add(sequence, *_diagnosis(row, walk))
    elif row[_PREVIOUS] != walk.previous:
        report.add(
            sequence, "reordered", "it does not follow the row before it: rows were replaced or reordered."
        )
    elif walk.anchored.get(sequence, row[_HASH]) != row[_HASH]:
        report.add(sequence, "rewritten", "it is not the row that an anchor knows: it was written anew.")
    walk.last, walk.previous = sequence, row[_HASH]


def _gap(report: Report, expected: int, found: int) -> None:
    if found < expected:
        report.add(found, "inserted", "it was inserted before the beginning.")
    elif found == expected + 1:
        report.add(expected, "deleted", "it was deleted.")
    else:
        report.add(expected, "deleted", f"it and all rows up to {found - 1} were deleted.")


def _genuine(row: Sequence[Any], sequence: int) -> bool:
    """Whether the row is what the portal wrote, as number `sequence`."""
    return bool(keyed_digest(row[_KEY_ID], row_text([sequence, *row[1:_HASH]])) == row[_HASH])


def _diagnosis(row: Sequence[Any], walk: _Walk) -> tuple[str, str]:
    """What was done to a row whose seal does not fit. Says "edited" when it cannot know better."""
    before = Event.objects.filter(hash=row[_PREVIOUS]).values_list("sequence", flat=True).first()
    for original in {(before or 0) + 1, row[_SEQUENCE] - 1, row[_SEQUENCE] + 1} - {row[_SEQUENCE]}:
        if _genuine(row, original):
            return "reordered", f"rows were reordered: this one was written as row {original}."
    follower = Event.objects.filter(previous_hash=walk.previous).exclude(pk=row[_SEQUENCE])
    if row[_PREVIOUS] != walk.previous and follower.exists():
        return "inserted", "it was inserted: the portal did not write it."
    return "edited", "it was edited: its content does not fit its seal."


def _head_check(report: Report, walk: _Walk, head: Head | None) -> None:
    if head is None:
        report.add(walk.last + 1, "cut off", "the head of the chain is gone, the end may be cut off.")
    elif not _head_genuine(head):
        report.add(head.sequence, "head", "the head of the chain was edited: its seal does not fit.")
    elif head.sequence > walk.last:
        report.add(walk.last + 1, "cut off", f"the end was cut off: rows up to {head.sequence} are missing.")
    elif head.sequence < walk.last:
        report.add(
            head.sequence + 1, "inserted", f"rows were inserted after the end, which is row {head.sequence}."
        )
    elif report.whole and (head.hash != walk.previous or head.count != walk.from_row + report.rows):
        report.add(head.sequence, "head", "the head of the chain does not fit the last row.")


def _head_genuine(head: Head) -> bool:
    if head.sequence == 0 and not head.seal:
        return head.count == 0 and head.hash == GENESIS
    known = head.key_id in audit_keys()
    return known and head_seal(head.key_id, head.sequence, head.count, head.hash) == head.seal


def verdict_of(report: Report) -> str:
    """The result in one sentence."""
    if report.whole:
        return f"The audit trail is whole: {report.rows} rows verified{report.begin}"
    return f"The audit trail was tampered with: row {report.problems[0].sequence} is the first that is wrong."
