"""Trails of earlier versions verify unchanged, although the audit event has more columns now.

The hashes below were computed by the version before `group_id`, the second optional column.
"""

import base64
import json
from datetime import UTC, datetime

import pytest
from django.db import connection

from portal.audit.canonical import HASHED_FIELDS, row_text
from portal.audit.chain_head import compute_head_seal
from portal.audit.keys import compute_digest
from portal.audit.models import GENESIS, ChainHead, Event
from portal.audit.recording import ObjectRef, get_system_origin, record_event
from portal.audit.triggers import find_missing_triggers
from portal.audit.verification.chain import verify_trail

KEYS = "earlier:" + base64.b64encode(bytes(range(32))).decode()
# All columns that existed before the optional ones, in the order in which they are hashed.
REQUIRED = HASHED_FIELDS[: HASHED_FIELDS.index("ancestors")]
SIGN_IN = {"action": "session.signed_in", "outcome": "success", "actor_id": 7, "actor_name": "Ana Adler"}
CHANGE = {
    "action": "change.accepted", "outcome": "accepted", "object_kind": "connector", "object_guid": "CO-1",
    "parent_guid": "ME-1", "before": '{"name":"Ä"}', "after": '{"name":"B"}', "duration_ms": 40,
}  # fmt: skip
# (values, ancestors, hash) of each row
ROWS = [
    (SIGN_IN, "", "bd72b5c2f80fdf0f2326a6e3516729740316e78491c51c6ccc29c5cd8722c23f"),
    (CHANGE, "TE-1 TE-2", "baa07b7dbe27d82f7b7e4246aa32cefd1ba6218e573e2689fb15e44509874bc8"),
    (SIGN_IN, "", "6acdf96778a469c7cc7fa2a69b9d2e8dec8577b92ae1693635fc6996d788a64c"),
]


def insert_earlier_trail() -> None:
    """Insert ROWS with SQL that knows no column added later, as an earlier version left them."""
    previous = GENESIS
    empty = dict.fromkeys(REQUIRED, "") | {"actor_id": None, "duration_ms": None}
    for number, (values, ancestors, row_hash) in enumerate(ROWS, 1):
        time = datetime(2025, 3, 1, 12, number, 0, 250_000, tzinfo=UTC)
        chained = {"sequence": number, "time": time, "key_id": "earlier", "previous_hash": previous}
        row = empty | values | chained | {"ancestors": ancestors, "hash": row_hash}
        row["time"] = connection.ops.adapt_datetimefield_value(time)
        names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO audit_event ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608
        ChainHead.objects.filter(pk=1).update(
            sequence=number, count=number, hash=row_hash, key_id="earlier", updated_at=time,
            seal=compute_head_seal("earlier", number, number, row_hash),
        )  # fmt: skip
        previous = row_hash


@pytest.fixture
def earlier_trail(db, settings):
    """Store the rows of an earlier version."""
    settings.PORTAL_AUDIT_KEYS = KEYS
    insert_earlier_trail()


def test_a_trail_of_an_earlier_version_verifies_and_goes_on(earlier_trail):
    report = verify_trail()
    assert (report.whole, report.rows) == (True, 3), report.problems
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    report = verify_trail()
    assert (report.whole, report.rows) == (True, 4), report.problems
    assert find_missing_triggers(connection) == []


@pytest.mark.parametrize("ancestors", [(), ("TE-1", "TE-2")])
def test_a_stored_event_hashes_without_its_empty_trailing_columns(db, ancestors):
    about = ObjectRef("connector", "CO-1", "Visa", "ME-1", "Shop", ancestors)
    record_event(action="change.accepted", origin=get_system_origin("x"), object=about, after={"name": "B"})
    stored = Event.objects.get()
    values = [getattr(stored, name) for name in REQUIRED[2:]] + [" ".join(ancestors)] * bool(ancestors)
    time = stored.time.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(["portal-audit-1", 1, time, *values], ensure_ascii=False, separators=(",", ":"))
    assert stored.hash == compute_digest(stored.key_id, text)
    assert row_text([getattr(stored, name) for name in HASHED_FIELDS]) == text
