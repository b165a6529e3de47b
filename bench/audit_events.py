"""Append invented, correctly chained events to the audit trail, for measurements and trials.

python -m bench.audit_events --events 100000 --days 365    append events
python -m bench.audit_events --events 100000 --in-all      append only the events missing from that total

Settings are those of manage.py. A production portal is refused. The same seed gives the same events.
"""

import argparse
import os
import random
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()

from django.conf import settings
from django.db import connection, transaction

from portal.audit.canonical import HASHED_FIELDS, json_text, row_text
from portal.audit.chain_head import EndAltered, compute_head_seal, get_last_time
from portal.audit.keys import compute_digest, get_current_key_id
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable
from portal.audit.search_index import get_known_names, get_terms, store_known_names
from portal.audit.triggers import install_triggers, remove_triggers

MAX_DAYS = 36_500
BATCH = 20_000
_COLUMNS = (*HASHED_FIELDS, "hash")
_EMPTY: dict[str, Any] = dict.fromkeys(HASHED_FIELDS, "") | {"actor_id": None, "duration_ms": None}

RARE = "zanzibar"
# Both words are common, but they never occur in one event: each is used in one half of the time span.
EARLY, LATE = "migration", "relaunch"
_SHOPS, _TENANTS = 5000, 40
_FIRST = (
    "Ana", "Ben", "Clara", "David", "Elif", "Filip", "Greta", "Hugo", "Ines", "Jonas",
    "Katya", "Luca", "Mira", "Noor", "Otto", "Petra", "Quinn", "Rosa", "Stefan", "Tara",
)  # fmt: skip
_LAST = ("Adler", "Brandt", "Costa", "Dimitrov", "Eriksen", "Fischer")
_PLACES = (
    "Northern", "Example", "Alpine", "Harbour", "Golden", "Silver", "Green", "Urban", "Central", "Royal",
)  # fmt: skip
_TRADES = ("Bakery", "Books", "Travel", "Fashion", "Garden", "Music", "Sports", "Toys", "Pharmacy", "Coffee")
_REASONS = ("risk review", "asked by the merchant", "quarterly review", "contract ended", "limits raised", "")
_OUTCOMES = ("accepted",) * 32 + ("refused", "refused", "refused", "not_sent", "unknown")
_FIELDS = ("description", "disabled", "currency", "settings.webhook", "settings.limit", "name", "timezone")
_KINDS = ("merchant",) * 6 + ("connector",) * 3 + ("merchant_user",)


class AppendRefusedError(Exception):
    """The events were not appended; the text says why."""


def append_events(*, events: int, days: int = 365, in_all: bool = False) -> int:
    """Append invented events as the command line does and return their number. Raises AppendRefusedError."""
    if settings.PRODUCTION:
        raise AppendRefusedError("Invented events can’t be added to a production trail.")
    if events < 0 or not 1 <= days <= MAX_DAYS:
        raise AppendRefusedError(f"--events must be 0 or more, and --days a number from 1 to {MAX_DAYS}.")
    existing = ChainHead.objects.get(pk=1).sequence if in_all else 0
    appended = 0
    for appended in append_batches(count=max(events - existing, 0), days=days):
        if appended % 100_000 == 0:
            print(f"{appended} events")
    with connection.cursor() as cursor:
        # Bring the statistics to the state of a database in long use. VACUUM cannot run in a transaction.
        vacuum = connection.vendor == "postgresql" and not connection.in_atomic_block
        cursor.execute("VACUUM ANALYZE" if vacuum else "ANALYZE")
    return appended


def append_batches(*, count: int, days: int, seed: int = 1) -> Iterator[int]:
    """Append `count` events dated over the last `days`, after the existing ones; yield the number appended.

    The triggers are removed within each transaction, because the chain head moves by more than one event.
    Raises AppendRefusedError if the end of the trail was tampered with: new rows would cover up the evidence.
    """
    end, last = datetime.now(UTC), ChainHead.objects.get(pk=1)
    try:
        newest = get_last_time(last)
    except EndAltered as trouble:
        raise AppendRefusedError(f"The audit trail was tampered with: {trouble}.") from None
    begin = end - timedelta(days=days)
    begin = max(begin, newest) if newest else begin
    step = (end - begin) / max(count, 1)
    invented = invent_events(random.Random(seed), count)
    done, known = 0, set[tuple[str, str, str, str]]()
    while batch := list(islice(invented, BATCH)):
        times = [begin + step * number for number in range(done, done + len(batch))]
        with transaction.atomic():
            remove_triggers(connection)
            _insert_batch(batch, times, known)
            install_triggers(connection)
        done += len(batch)
        yield done


def _insert_batch(
    batch: Sequence[dict[str, Any]], times: Sequence[datetime], known: set[tuple[str, str, str, str]]
) -> None:
    """Insert events, their search terms and the new chain head; `known` holds the names stored so far."""
    head = ChainHead.objects.select_for_update().get(pk=1)
    rows, previous, key_id = [], head.hash, get_current_key_id()
    for number, (values, time) in enumerate(zip(batch, times, strict=True), head.sequence + 1):
        chained = {"sequence": number, "time": time, "key_id": key_id, "previous_hash": previous}
        row = list((_EMPTY | values | chained).values())
        previous = compute_digest(key_id, row_text(row))
        rows.append([*row, previous])
    _insert_rows("audit_event", _COLUMNS, rows)
    events = [Event(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    # Sorted like the index, so that its pages are written one after the other.
    terms = sorted((term, event.sequence) for event in events for term in get_terms(event))
    _insert_rows("audit_term", ("term", "event_id"), terms)
    fresh = {row for event in events for row in get_known_names(event)} - known
    store_known_names(fresh)
    known |= fresh
    last, total = events[-1], head.count + len(events)
    ChainHead.objects.filter(pk=1).update(
        sequence=last.sequence, count=total, hash=last.hash, key_id=last.key_id, updated_at=last.time,
        seal=compute_head_seal(last.key_id, last.sequence, total, last.hash),
    )  # fmt: skip


def _insert_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert many rows quickly: with COPY on PostgreSQL, with one prepared statement on SQLite."""
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        adapt = connection.ops.adapt_datetimefield_value
        adapted = [[adapt(value) if isinstance(value, datetime) else value for value in row] for row in rows]
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", adapted)  # noqa: S608 - names from this file


def invented_people() -> list[tuple[int, str, str]]:
    """Return (id, name, role) of all invented users: mostly agents, some managers, few admins."""
    names = [f"{first} {last}" for last in _LAST for first in _FIRST]
    admins, managers = range(40, len(names) + 1, 40), range(8, len(names) + 1, 8)
    return [
        (number, name, "Admin" if number in admins else "Manager" if number in managers else "Support agent")
        for number, name in enumerate(names, 1)
    ]


def invent_events(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Yield the values of `count` events in order of time, without the columns of the chain."""
    people, done = invented_people(), 0
    while done < count:
        # A few people do most of the work.
        number, name, role = people[int(len(people) * chance.random() ** 2)]
        origin = {
            "actor_id": number, "actor_name": name, "actor_role": role, "session": f"{number:016x}",
            "address": f"192.0.2.{number}", "request_id": uuid.UUID(int=chance.getrandbits(128)).hex,
        }  # fmt: skip
        for event in _invent_activity(chance, done / count)[: count - done]:
            yield origin | event
            done += 1


def _invent_activity(chance: random.Random, progress: float) -> list[dict[str, Any]]:
    """Return a sign-in, a sign-out, a denial, or most often the intent and the outcome of a change.

    `progress` is the position in the time span, from 0 to 1.
    """
    kind = chance.random()
    if kind < 0.1:
        return [{"action": "session.signed_in", "outcome": "success"}]
    if kind < 0.15:
        return [{"action": "session.signed_out", "outcome": "success"}]
    if kind < 0.17:
        denied = {"outcome": "denied", "message": "/staff/ needs staff.view", "object_kind": "page"}
        return [{"action": "access.denied"} | denied]
    shop, outcome = int(_SHOPS * chance.random() ** 2), chance.choice(_OUTCOMES)
    fields = chance.sample(_FIELDS, chance.choice((1, 1, 2, 3)))
    before, after = (
        json_text({name: f"value {chance.randrange(1000)}" for name in fields}) for _ in range(2)
    )
    change = _invent_object(chance, shop, progress) | {
        "connection": "sandbox", "change_id": str(uuid.UUID(int=chance.getrandbits(128))),
        "reason": _invent_reason(chance, progress), "before": before, "after": after, "request": after,
    }  # fmt: skip
    answer = {
        "action": f"change.{outcome}", "outcome": outcome, "duration_ms": chance.randrange(20, 900),
        "answer": json_text({"success": outcome == "accepted"}),
        "code": "1002" if outcome == "refused" else "",
    }  # fmt: skip
    return [change | {"action": "change.intent"}, change | answer]


def _invent_object(chance: random.Random, shop: int, progress: float) -> dict[str, Any]:
    """Return a merchant, or one of its connectors or users. Every seventh merchant is renamed half-way."""
    place = _PLACES[(shop + (progress > 0.5 and shop % 7 == 0)) % len(_PLACES)]
    guid, name = f"ME-SEED-{shop:04}", f"{place} {_TRADES[shop // 10 % len(_TRADES)]} {shop}"
    kind, tenant = chance.choice(_KINDS), shop % _TENANTS
    about = {"object_kind": kind, "operation": f"{kind}.update"}
    if kind == "merchant":
        parent = {"parent_guid": f"TE-SEED-{tenant:02}", "parent_name": f"Tenant {tenant}"}
        return about | parent | {"object_guid": guid, "object_name": name}
    child = {"object_guid": f"{guid}-{kind[:1].upper()}", "object_name": f"{name} {kind.replace('_', ' ')}"}
    above = {"parent_guid": guid, "parent_name": name, "ancestors": f"TE-SEED-{tenant:02}"}
    return about | child | above


def _invent_reason(chance: random.Random, progress: float) -> str:
    if chance.random() < 0.0002:
        return f"seen in {RARE}"
    words = chance.choice(_REASONS)
    if chance.random() < 0.3:
        words = f"{words} {EARLY if progress < 0.5 else LATE}".strip()
    return f"{words}, ticket {chance.randrange(100_000, 1_000_000)}" if chance.random() < 0.1 else words


def main(arguments: Sequence[str]) -> None:
    """Run the command line. Exits with a sentence if the events cannot be appended."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.audit_events", description="Append invented events."
    )
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--in-all", action="store_true", help="count existing events towards --events")
    try:
        appended = append_events(**vars(parser.parse_args(arguments)))
    except (AppendRefusedError, AuditUnavailable, ChainHead.DoesNotExist) as problem:
        sys.exit(f"Not appended: {problem}")
    print(f"{appended} events appended")


if __name__ == "__main__":
    main(sys.argv[1:])
