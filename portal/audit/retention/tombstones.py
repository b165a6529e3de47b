"""Tombstones: the record of a purge in the chain, with the deleted and the kept rows and the adjacent hashes.

Verification skips missing rows only if a genuine tombstone says that they were purged.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from portal.audit.canonical import is_genuine_row
from portal.audit.event_json import COLUMNS, build_event
from portal.audit.models import Event
from portal.audit.retention.archives import Archive

# This many characters of a hash distinguish a kept row from every other row of the portal.
MARK = 32


# A tombstone lists at most this many kept rows, so that its event stays below 64 KiB.
MAX_KEPT = 1000


@dataclass(frozen=True)
class Tombstone:
    """One purged range. `kept` are the rows that stayed, `marks` the beginnings of their hashes."""

    first: int
    last: int
    previous_hash: str
    last_hash: str
    kept: tuple[int, ...]
    marks: tuple[str, ...]

    @property
    def request(self) -> dict[str, Any]:
        """Return the tombstone as the event audit.purged stores it."""
        return {
            "first": self.first, "last": self.last, "previous_hash": self.previous_hash,
            "last_hash": self.last_hash, "kept": list(self.kept), "marks": list(self.marks),
        }  # fmt: skip

    def get_mark(self, sequence: int) -> str | None:
        """Return the beginning of the hash of a kept row; None for a deleted row."""
        index = bisect_left(self.kept, sequence)
        there = index < len(self.kept) and self.kept[index] == sequence
        return self.marks[index] if there else None


def cut_tombstones(archive: Archive, kept: Sequence[tuple[int, str]]) -> Iterator[Tombstone]:
    """Yield the tombstones of an archive, of whose rows those in `kept` (number, hash) stay."""
    first, previous_hash = archive.first, archive.previous_hash
    for begin in range(0, max(len(kept), 1), MAX_KEPT):
        part = kept[begin : begin + MAX_KEPT]
        last = part[-1][0] if begin + MAX_KEPT < len(kept) else archive.last
        last_hash = archive.hashes[last - archive.first]
        numbers, marks = tuple(number for number, _ in part), tuple(row_hash[:MARK] for _, row_hash in part)
        yield Tombstone(first, last, previous_hash, last_hash, numbers, marks)
        first, previous_hash = last + 1, last_hash


class Tombstones:
    """All tombstones, consulted row by row while the chain is read."""

    def __init__(self, stones: Sequence[Tombstone]) -> None:
        self._stones = sorted(stones, key=lambda stone: stone.first)
        self._firsts = [stone.first for stone in self._stones]

    def find_tombstone(self, sequence: int) -> Tombstone | None:
        """Return the tombstone of the range that includes the row."""
        index = bisect_right(self._firsts, sequence) - 1
        stone = self._stones[index] if index >= 0 else None
        return stone if stone and sequence <= stone.last else None

    def next_row(self, after: int) -> int:
        """Return the number of the row that must come next."""
        expected = after + 1
        while self._firsts and (stone := self.find_tombstone(expected)):
            index = bisect_left(stone.kept, expected)
            if index < len(stone.kept):
                return stone.kept[index]
            expected = stone.last + 1
        return expected

    def follows(self, last: int, last_hash: str | None, row: tuple[int, str, str]) -> bool:
        """Return whether (sequence, previous hash, hash) may follow row `last`, whose hash may be unknown."""
        sequence, previous_hash, row_hash = row
        here, begun = self.find_tombstone(sequence), self.find_tombstone(last + 1)
        if here and not row_hash.startswith(here.get_mark(sequence) or " "):
            return False
        if last_hash is not None:
            if begun and begun.first == last + 1 and begun.previous_hash != last_hash:
                return False
            if sequence == last + 1:
                return previous_hash == last_hash
        before = self.find_tombstone(sequence - 1)
        return before is None or before.last != sequence - 1 or before.last_hash == previous_hash


def read_tombstones() -> Tombstones:
    """Read the genuine tombstones of the chain; others prove nothing."""
    rows = Event.objects.filter(action="audit.purged").order_by("sequence").values_list(*COLUMNS)
    records = [build_event(row).request_data for row in rows if is_genuine_row(row)]
    return Tombstones(
        [
            Tombstone(**record | {"kept": tuple(record["kept"]), "marks": tuple(record["marks"])})
            for record in records
        ]
    )
