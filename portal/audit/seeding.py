"""Invents a long, correctly chained trail, for figures and trying out. Never in production."""

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from portal.audit.canonical import HASHED_FIELDS, json_text, row_text
from portal.audit.guards import guards_install, guards_remove
from portal.audit.keys import current_key_id, keyed_digest
from portal.audit.models import Event, Head
from portal.audit.services import head_seal
from portal.audit.terms import known_of, known_store, terms_of

BATCH = 5000
RARE = "zanzibar"
COMMON = "review"
_PEOPLE = [
    (number, f"Person {number:02}", "Manager" if number % 8 == 0 else "Support agent")
    for number in range(1, 41)
]
_PLACES = (
    "Northern",
    "Example",
    "Alpine",
    "Harbour",
    "Golden",
    "Silver",
    "Green",
    "Urban",
    "Central",
    "Royal",
)
_TRADES = ("Bakery", "Books", "Travel", "Fashion", "Garden", "Music", "Sports", "Toys", "Pharmacy", "Coffee")
_REASONS = (
    "risk review",
    "asked by the merchant",
    "quarterly review",
    "contract ended",
    "limits raised after review",
    "",
)
_OUTCOMES = ("accepted",) * 16 + ("refused", "refused", "not_sent", "unknown")
_FIELDS = ("description", "disabled", "currency", "settings.webhook", "settings.limit", "name", "timezone")
_COLUMNS = (*HASHED_FIELDS, "hash")


def events_seed(*, count: int, days: int, seed: int = 1) -> Iterator[int]:
    """Appends `count` events over the last `days`, after those that are there; yields how many are done.

    The guards are off within each transaction, since the head moves by more than one.
    """
    chance, done = random.Random(seed), 0  # noqa: S311 - names of shops, not secrets
    end = datetime.now(UTC)
    last = Head.objects.get(pk=1)
    begin = max(end - timedelta(days=days), last.updated_at if last.sequence else end - timedelta(days=days))
    step = (end - begin) / max(count, 1)
    while done < count:
        size = min(BATCH, count - done)
        times = [begin + step * (done + number) for number in range(size)]
        with transaction.atomic():
            guards_remove(connection)
            _batch_write(times, chance)
            guards_install(connection)
        done += size
        yield done


def _batch_write(times: Sequence[datetime], chance: random.Random) -> None:
    head = Head.objects.select_for_update().get(pk=1)
    events, previous = [], head.hash
    for number, time in enumerate(times, head.sequence + 1):
        events.append(_chained(_invented(chance), number, time, previous))
        previous = events[-1].hash
    _rows_insert("audit_event", _COLUMNS, ([getattr(event, name) for name in _COLUMNS] for event in events))
    terms = ((term, event.sequence) for event in events for term in terms_of(event))
    _rows_insert("audit_term", ("term", "event_id"), terms)
    known_store(dict.fromkeys(row for event in events for row in known_of(event)))
    last, total = events[-1], head.count + len(events)
    Head.objects.filter(pk=1).update(
        sequence=last.sequence, count=total, hash=last.hash, key_id=last.key_id, updated_at=last.time,
        seal=head_seal(last.key_id, last.sequence, total, last.hash),
    )  # fmt: skip


def _chained(values: dict[str, Any], number: int, time: datetime, previous: str) -> Event:
    row = dict.fromkeys(HASHED_FIELDS, "") | {"actor_id": None, "duration_ms": None} | values
    row |= {"sequence": number, "time": time, "key_id": current_key_id(), "previous_hash": previous}
    row["hash"] = keyed_digest(row["key_id"], row_text([row[name] for name in HASHED_FIELDS]))
    return Event(**row)


def _invented(chance: random.Random) -> dict[str, Any]:
    """One change of one of 2,000 merchants, or now and then a sign-in or a denial."""
    actor_id, actor, role = chance.choice(_PEOPLE)
    who = {
        "actor_id": actor_id, "actor_name": actor, "actor_role": role, "session": f"{actor_id:016x}",
        "address": f"192.0.2.{actor_id}", "request_id": uuid.UUID(int=chance.getrandbits(128)).hex,
    }  # fmt: skip
    kind = chance.random()
    if kind < 0.1:
        return who | {"action": "session.signed_in", "outcome": "success"}
    if kind < 0.12:
        return who | {
            "action": "access.denied",
            "outcome": "denied",
            "message": "/staff/",
            "object_kind": "page",
        }
    return who | _change(chance)


def _change(chance: random.Random) -> dict[str, Any]:
    shop = int(2000 * chance.random() ** 2)
    name = f"{_PLACES[shop % 10]} {_TRADES[shop // 10 % 10]} {shop}"
    touched, old, new = chance.choice(_FIELDS), chance.randrange(1000), chance.randrange(1000)
    outcome = chance.choice(_OUTCOMES)
    reason = chance.choice(_REASONS) if chance.random() > 0.0001 else f"seen in {RARE}"
    return {
        "action": f"change.{outcome}", "outcome": outcome, "connection": "sandbox",
        "operation": "merchant.update", "object_kind": "merchant", "object_guid": f"ME-SEED-{shop:04}",
        "object_name": name, "parent_guid": f"TE-SEED-{shop % 20:02}", "parent_name": f"Tenant {shop % 20}",
        "change_id": str(uuid.UUID(int=chance.getrandbits(128))), "reason": reason,
        "before": json_text({touched: f"value {old}"}), "after": json_text({touched: f"value {new}"}),
        "request": json_text({touched: f"value {new}"}), "duration_ms": chance.randrange(20, 900),
    }  # fmt: skip


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
