"""Writes a long invented trail (portal.audit.invented), correctly chained, for figures and trying out."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from portal.audit.canonical import HASHED_FIELDS, row_text
from portal.audit.chain_head import EndAltered, head_seal, last_time
from portal.audit.invented import events_invented
from portal.audit.keys import current_key_id, keyed_digest
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable
from portal.audit.search_index import known_of, known_store, terms_of
from portal.audit.triggers import guards_install, guards_remove

BATCH = 20_000
_COLUMNS = (*HASHED_FIELDS, "hash")
_EMPTY: dict[str, Any] = dict.fromkeys(HASHED_FIELDS, "") | {"actor_id": None, "duration_ms": None}


def events_seed(*, count: int, days: int, seed: int = 1) -> Iterator[int]:
    """Appends `count` events over the last `days`, after those that are there; yields how many are done.

    The guards are off within each transaction, since the head moves by more than one. Raises AuditUnavailable
    where the trail does not end as the portal left it: more rows would vouch for what was done to it.
    """
    end, last = datetime.now(UTC), ChainHead.objects.get(pk=1)
    try:
        newest = last_time(last)
    except EndAltered as trouble:
        raise AuditUnavailable(f"The audit trail was tampered with: {trouble}.") from None
    begin = end - timedelta(days=days)
    begin = max(begin, newest) if newest else begin
    step = (end - begin) / max(count, 1)
    invented = events_invented(random.Random(seed), count)  # noqa: S311 - names of shops, not secrets
    done, known = 0, set[tuple[str, str, str, str]]()
    while batch := list(islice(invented, BATCH)):
        times = [begin + step * number for number in range(done, done + len(batch))]
        with transaction.atomic():
            guards_remove(connection)
            _batch_write(batch, times, known)
            guards_install(connection)
        done += len(batch)
        yield done


def _batch_write(
    batch: Sequence[dict[str, Any]], times: Sequence[datetime], known: set[tuple[str, str, str, str]]
) -> None:
    """`known` holds the names that earlier batches stored."""
    head = ChainHead.objects.select_for_update().get(pk=1)
    rows, previous = [], head.hash
    for number, (values, time) in enumerate(zip(batch, times, strict=True), head.sequence + 1):
        rows.append(_chained(values, number, time, previous))
        previous = rows[-1][-1]
    _rows_insert("audit_event", _COLUMNS, rows)
    events = [Event(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    # In the order of their index, which is written page by page then, and not all over the place.
    terms = sorted((term, event.sequence) for event in events for term in terms_of(event))
    _rows_insert("audit_term", ("term", "event_id"), terms)
    fresh = {row for event in events for row in known_of(event)} - known
    known_store(fresh)
    known |= fresh
    last, total = events[-1], head.count + len(events)
    ChainHead.objects.filter(pk=1).update(
        sequence=last.sequence, count=total, hash=last.hash, key_id=last.key_id, updated_at=last.time,
        seal=head_seal(last.key_id, last.sequence, total, last.hash),
    )  # fmt: skip


def _chained(values: dict[str, Any], number: int, time: datetime, previous: str) -> list[Any]:
    """The values of _COLUMNS."""
    key_id = current_key_id()
    own = {"sequence": number, "time": time, "key_id": key_id, "previous_hash": previous}
    row = list((_EMPTY | values | own).values())
    return [*row, keyed_digest(key_id, row_text(row))]


def _rows_insert(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Many rows at the speed of the database: COPY on PostgreSQL, one prepared statement on SQLite."""
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(columns))
        adapted = ([_adapted(value) for value in row] for row in rows)
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(adapted))  # noqa: S608 - our own names


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
