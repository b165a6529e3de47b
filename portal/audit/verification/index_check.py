"""Compares the search index and the known names with the events, and repairs them.

Neither is covered by the chain, so someone with write access to the database could hide events from search.
"""

import secrets
from collections import Counter, namedtuple
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import Error as DatabaseFailure
from django.db import connection, transaction

from portal.audit.canonical import HASHED_FIELDS
from portal.audit.models import ChainHead, Event, KnownName, Term
from portal.audit.retention.purging import is_name_used
from portal.audit.search_index import get_known_names, get_terms, store_known_names
from portal.audit.triggers import install_triggers, remove_triggers
from portal.core.text import fold

# Events are compared in blocks of this size: memory holds a digest of each block, not each entry.
BLOCK = 1000
# The number of blocks that are repaired at once, with all of their entries in memory.
REPAIRED_AT_ONCE = 20
# The number of names without an event that are looked up. A purge never leaves more.
LOOKED_UP = 500
REPAIR = "Repair it with manage.py audit_index (on PostgreSQL with DATABASE_OWNER_URL)."

# The columns of an event as `get_terms` and `get_known_names` read them: much faster than a model instance.
_Row = namedtuple("_Row", HASHED_FIELDS)  # type: ignore[misc]
_KNOWN_COLUMNS = ("kind", "connection", "guid", "name", "folded")
_PRIME = (1 << 61) - 1
_SECRET = secrets.randbits(60) | 1
_Name = tuple[str, str, str, str]
_Entry = tuple[Any, int]


@dataclass
class IndexCheck:
    """What the events should have in the index: `add` every event, then call `describe_disagreement`."""

    expected: Counter[int] = field(default_factory=Counter)
    names: set[_Name] = field(default_factory=set)
    last: int = 0

    def add(self, row: Sequence[Any]) -> None:
        """Take the next event, given as the values of HASHED_FIELDS (more values may follow)."""
        event = _event(row)
        sequence = event.sequence
        # Sums do not depend on the order. Python seeds its hashes differently in each process.
        self.expected[_block(sequence)] += _weight(sequence) * sum(map(hash, get_terms(event)))
        self.names.update(get_known_names(event))
        self.last = sequence

    def describe_disagreement(self) -> str:
        """Describe how index and events disagree, "" for not at all. Reads both tables once."""
        try:
            blocks = self.find_blocks()
            missing, altered, unknown = find_name_differences(self.names)
        except (DatabaseFailure, ValueError, TypeError) as error:
            return f"The search index cannot be compared with the events ({type(error).__name__}). {REPAIR}"
        said = []
        if blocks:
            rows = f"in {len(blocks):,} of {len(self.expected) or 1:,} blocks of {BLOCK:,} rows"
            said.append(
                f"The search index does not agree with the events {rows}, first at row {blocks[0] * BLOCK}."
            )
        if missing or altered or unknown:
            said.append(
                f"The list of known names does not agree with the events: {len(missing):,} missing, "
                f"{len(altered):,} altered, {len(unknown):,} unknown."
            )
        return " ".join([*said, "Searches may miss events or show too many.", REPAIR]) if said else ""

    def find_blocks(self) -> list[int]:
        """Return the numbers of the blocks whose entries differ from those of their events."""
        stored, furthest, last = Counter[int](), 0, self.last
        before, weight, block = 0, 0, 0
        for term, event in _stored_terms():
            if event != before:
                if not isinstance(event, int):
                    raise TypeError("an entry of the index names no row")
                before, weight, block = event, _weight(event), _block(event)
                furthest = event if event > furthest else furthest
            if event <= last:
                # A blob has the hash of the text with the same bytes.
                stored[block] += (hash(term) if isinstance(term, str) else 1) * weight
        different = {block for block in {*stored, *self.expected} if stored[block] != self.expected[block]}
        # Events are purged and added while this runs: only what still differs counts.
        confirmed = {block for block in different if any(_find_block_differences([block], self.last))}
        newest = Event.objects.values_list("sequence", flat=True).first() or 0
        return sorted(confirmed | ({furthest // BLOCK} if furthest > newest else set()))


def find_name_differences(names: Collection[_Name]) -> tuple[set[_Name], list[_Name], list[_Name]]:
    """Return the known names that are missing, those with an altered search form, and unknown ones."""
    missing, altered, unknown = set(names), list[_Name](), list[_Name]()
    for *key, folded in KnownName.objects.values_list(*_KNOWN_COLUMNS).iterator(chunk_size=5000):
        row = cast(_Name, tuple(key))
        if row in missing:
            missing.discard(row)
        elif row not in names and (
            len(unknown) > LOOKED_UP
            or not all(isinstance(value, str) for value in row)
            or not is_name_used(*row)
        ):
            unknown.append(row)
            continue
        if folded != fold(row[3]):
            altered.append(row)
    # Terms of events that were purged in the meantime are not missing.
    return {row for row in missing if is_name_used(*row)}, altered, unknown


def repair_index() -> tuple[int, int]:
    """Bring index and known names back in line with the events; how many were missing, how many wrong.

    What is missing is added at any time. Wrong entries can only be removed with the guards off, so on
    PostgreSQL only by the owner of the tables.
    """
    wrong = 0
    # Only SQLite stores values of the wrong type.
    untyped = {
        "audit_term": "typeof(term) <> 'text' OR typeof(event_id) <> 'integer'",
        "audit_known": " OR ".join(f"typeof({name}) <> 'text'" for name in _KNOWN_COLUMNS),
    }
    if connection.vendor == "sqlite":
        with transaction.atomic(), connection.cursor() as cursor:
            for table, condition in untyped.items():
                cursor.execute(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608 - our own names
                found = cursor.fetchone()[0]
                if found:
                    _delete_unguarded(table, condition, [()])
                wrong += found
    check = IndexCheck()
    for row in _events(1, None):
        check.add(row)
    missing = 0
    blocks = check.find_blocks()
    for begin in range(0, len(blocks), REPAIRED_AT_ONCE):
        absent, extra = _find_block_differences(blocks[begin : begin + REPAIRED_AT_ONCE], check.last)
        with transaction.atomic():
            _delete_unguarded("audit_term", "term = %s AND event_id = %s", extra)
            Term.objects.bulk_create(
                [Term(term=term, event_id=event) for term, event in absent], batch_size=5000
            )
        missing, wrong = missing + len(absent), wrong + len(extra)
    absent_names, altered, unknown = find_name_differences(check.names)
    with transaction.atomic():
        key = "kind = %s AND connection = %s AND guid = %s AND name = %s"
        _delete_unguarded("audit_known", key, [*altered, *unknown])
        store_known_names([*sorted(absent_names), *altered])
    return missing + len(absent_names), wrong + len(altered) + len(unknown)


def _find_block_differences(
    blocks: Sequence[int], last: int
) -> tuple[list[tuple[Any, int]], list[tuple[Any, int]]]:
    """Return the entries (term, event) of these blocks that are missing, and those that no event has."""
    wanted = set(blocks)
    stored = {row for row in _stored_terms() if _block(row[1]) in wanted}
    expected = set[tuple[Any, int]]()
    for block in blocks:
        for row in _events(block * BLOCK, (block + 1) * BLOCK):
            event = _event(row)
            expected.update((term, event.sequence) for term in get_terms(event))
    absent = [row for row in expected - stored if row[1] <= last]
    return sorted(absent), list(stored - expected)


def _weight(event: int) -> int:
    """Return an unpredictable weight for the terms of an event, so that a swap changes the sum."""
    spread = event * _SECRET % _PRIME
    return spread * spread


def _block(event: int) -> int:
    return event // BLOCK


def _stored_terms() -> Iterator[tuple[Any, int]]:
    """Read the whole index as it lies in the table; it has no index by event."""
    rows = Term.objects.order_by().values_list("term", "event_id")
    return iter(rows.iterator(chunk_size=5000))


def _events(first: int, end: int | None) -> Iterator[Sequence[Any]]:
    """Read the events from row `first` to before row `end`, page by page."""
    while True:
        rows = Event.objects.order_by("sequence").filter(sequence__gte=first)
        rows = rows.filter(sequence__lt=end) if end is not None else rows
        page = list(rows.values_list(*HASHED_FIELDS)[:BLOCK])
        yield from page
        if len(page) < BLOCK:
            return
        first = page[-1][0] + 1


def _event(row: Sequence[Any]) -> Event:
    return cast(Event, _Row._make(row[: len(HASHED_FIELDS)]))


def _delete_unguarded(table: str, where: str, rows: Sequence[Sequence[Any]]) -> None:
    """Delete rows, if there are any. The triggers are removed within the transaction, and writers wait."""
    if not rows:
        return
    ChainHead.objects.select_for_update().get(pk=1)
    remove_triggers(connection)
    with connection.cursor() as cursor:
        cursor.executemany(f"DELETE FROM {table} WHERE {where}", rows)  # noqa: S608 - our own names
    install_triggers(connection)
