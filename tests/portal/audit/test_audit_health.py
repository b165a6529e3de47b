"""Health turns red where nothing can be recorded, and warns where the trail is less safe than it could be."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from portal.audit import health, recording
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable, get_system_origin, record_event
from portal.audit.triggers import find_missing_triggers, install_triggers, remove_triggers


def ready(client):
    """The answer's status, the verdict on the trail, the warnings."""
    answer = client.get("/healthz/ready")
    return answer.status_code, answer.json()["checks"]["audit trail"], answer.json()["warnings"]


def test_asking_leaves_no_row_and_moves_no_head(db, client):
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    before = list(ChainHead.objects.values())
    assert ready(client)[:2] == (200, "ok")
    assert Event.objects.count() == 1 and list(ChainHead.objects.values()) == before


@pytest.mark.parametrize(
    "damage", ["ALTER TABLE audit_event RENAME TO gone", "ALTER TABLE audit_head RENAME TO gone"]
)
def test_a_trail_that_is_gone_turns_health_red(db, client, damage):
    with connection.cursor() as cursor:
        cursor.execute(damage)
    status, verdict, _ = ready(client)
    assert status == 503 and "nothing is sent" in verdict


def test_a_trail_without_its_head_turns_health_red(db, client):
    remove_triggers(connection)
    ChainHead.objects.all().delete()
    status, verdict, _ = ready(client)
    assert status == 503 and "head of the audit trail is missing" in verdict


def test_a_forged_end_turns_health_red(db, client):
    for _ in range(3):
        record_event(action="session.signed_in", origin=get_system_origin("x"))
    remove_triggers(connection)
    Event.objects.filter(pk__gt=1).delete()
    ChainHead.objects.update(sequence=1, count=1, hash=Event.objects.get().hash, seal="0" * 64)
    install_triggers(connection)
    status, verdict, _ = ready(client)
    assert status == 503 and "tampered with" in verdict and "nothing is sent" in verdict


@pytest.mark.parametrize("place", [2, -5])
def test_a_row_in_the_place_of_the_next_one_turns_health_red(db, client, place):
    last = record_event(action="session.signed_in", origin=get_system_origin("x"))
    row = Event.objects.values().get()
    Event.objects.create(**row | {"sequence": place, "previous_hash": last.hash, "hash": "f" * 64})
    status, verdict, _ = ready(client)
    assert status == 503 and "nothing is sent" in verdict


@pytest.mark.parametrize("table", ["audit_event", "audit_term", "audit_known", "audit_head"])
def test_a_table_that_takes_no_rows_turns_health_red(db, client, table):
    """As a missing right does, or a full disk."""
    verb = "UPDATE" if table == "audit_head" else "INSERT"
    refuse = f"CREATE TRIGGER disk_full BEFORE {verb} ON {table} "
    sqlite = "BEGIN SELECT RAISE(ABORT, 'full'); END"
    with connection.cursor() as cursor:
        postgresql = "FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
        cursor.execute(refuse + (sqlite if connection.vendor == "sqlite" else postgresql))
    status, verdict, _ = ready(client)
    assert status == 503 and "cannot be written" in verdict


def test_a_read_only_database_turns_health_red(db, client):
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = 1" if sqlite else "SET LOCAL transaction_read_only = on")
    status, verdict, _ = ready(client)
    if sqlite:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = 0")
    assert status == 503 and "cannot be written" in verdict


@contextmanager
def head_locked():
    """Someone else writes, and does not end."""
    locked, done = threading.Event(), threading.Event()

    def lock():
        with transaction.atomic():
            ChainHead.objects.select_for_update().get(pk=1)
            locked.set()
            done.wait(120)
        connections.close_all()

    holder = threading.Thread(target=lock)
    holder.start()
    assert locked.wait(60)
    try:
        yield
    finally:
        done.set()
        holder.join()


@pytest.fixture
def clock(monkeypatch):
    """clock(seconds) lets them pass for the ready-check."""
    passed = [0.0]
    monkeypatch.setattr(health.time, "monotonic", lambda real=time.monotonic: real() + passed[0])
    return lambda seconds: passed.append(passed.pop() + seconds)


def test_a_locked_trail_fails_the_readiness_check(committed_db, client, monkeypatch):
    monkeypatch.setattr(health, "SECONDS_FOR_LOCK", 0.2)
    with head_locked():
        status, verdict, _ = ready(client)
    assert status == 503 and "cannot be written" in verdict
    assert ready(client)[:2] == (200, "ok")


def test_asking_again_takes_no_lock_from_writers(committed_db, client, clock, monkeypatch):
    monkeypatch.setattr(health, "SECONDS_FOR_LOCK", 0.2)
    monkeypatch.setattr(health, "KEPT_SECONDS", 300.0)  # however long it takes to ask so often
    assert ready(client)[:2] == (200, "ok")
    with head_locked():
        assert [ready(client)[:2] for _ in range(20)] == [(200, "ok")] * 20, "it waited for the lock"
        clock(health.KEPT_SECONDS)
        assert ready(client)[0] == 503
    assert ready(client)[:2] == (200, "ok")


def test_of_many_who_ask_at_once_one_waits_for_the_lock(committed_db, monkeypatch):
    monkeypatch.setattr(health, "SECONDS_FOR_LOCK", 0.2)
    tries, real = [], health.check_recording
    monkeypatch.setattr(health, "check_recording", lambda: (tries.append(1), real()))
    together = threading.Barrier(16)

    def ask(_):
        together.wait(60)
        try:
            return health.probe.find_trouble()
        finally:
            connections.close_all()

    with head_locked(), ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    assert all("cannot be written" in answer for answer in answers)
    assert len(tries) <= 2, "those who came while it was asked wait for that answer"


def disk_full():
    """A table that takes no rows any more."""
    sqlite = "BEGIN SELECT RAISE(ABORT, 'full'); END"
    refuse = sqlite if connection.vendor == "sqlite" else "FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TRIGGER disk_full BEFORE INSERT ON audit_event {refuse}")


def test_a_failed_record_fails_the_readiness_check_at_once(db, client):
    assert ready(client)[:2] == (200, "ok")
    disk_full()
    with pytest.raises(AuditUnavailable):
        record_event(action="session.signed_in", origin=get_system_origin("x"))
    status, verdict, _ = ready(client)
    assert status == 503 and "cannot be written" in verdict


def test_health_turns_red_within_seconds_when_writing_fails_and_recovers(db, client, clock):
    assert ready(client)[:2] == (200, "ok")
    disk_full()
    clock(health.KEPT_SECONDS)
    assert ready(client)[0] == 503
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER disk_full" + (" ON audit_event" if connection.vendor != "sqlite" else "")
        )
    assert ready(client)[:2] == (200, "ok")


def test_missing_guards_are_named_in_a_warning(db, client):
    assert find_missing_triggers(connection) == [] and "audit guards" not in ready(client)[2]
    remove_triggers(connection)
    status, _, warnings = ready(client)
    assert status == 200 and "audit_event_no_" in warnings["audit guards"]
    install_triggers(connection)
    assert find_missing_triggers(connection) == []


@pytest.mark.sqlite
def test_a_guard_that_does_nothing_is_missing_sqlite(db):
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_delete")
        cursor.execute(
            "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event BEGIN SELECT 1; END"
        )
    assert find_missing_triggers(connection) == ["audit_event_no_delete"]


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_change",
        "ALTER TABLE audit_event ENABLE TRIGGER audit_event_no_change",
        "DROP TRIGGER audit_event_no_change ON audit_event;"
        "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW"
        " WHEN (false) EXECUTE FUNCTION audit_refuse();"
        "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_no_change",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NEW; END $$",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF false THEN BEGIN RAISE EXCEPTION 'x'; END; END IF; RETURN OLD; END $$",
        "DROP TRIGGER audit_event_no_change ON audit_event;"
        "CREATE TRIGGER audit_event_no_change BEFORE DELETE OR UPDATE OF message ON audit_event FOR EACH ROW"
        " EXECUTE FUNCTION audit_refuse();"
        "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_no_change",
        "DROP TRIGGER audit_event_no_change ON audit_event;"
        "CREATE TRIGGER audit_event_no_change AFTER INSERT ON audit_head FOR EACH ROW"
        " EXECUTE FUNCTION audit_refuse();"
        "ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_event_no_change",
    ],
)
def test_a_guard_that_does_nothing_is_missing(db, damage):
    with connection.cursor() as cursor:
        cursor.execute(damage)
    assert "audit_event_no_change" in find_missing_triggers(connection)


@pytest.mark.postgresql
def test_a_head_that_may_move_backwards_is_unguarded(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER audit_head_forward ON audit_head; CREATE TRIGGER audit_head_forward BEFORE UPDATE"
            " ON audit_head FOR EACH ROW WHEN (NEW.id <> OLD.id) EXECUTE FUNCTION audit_refuse();"
            "ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_forward"
        )
    assert find_missing_triggers(connection) == ["audit_head_forward"]


@pytest.mark.postgresql
def test_ready_warns_where_the_portal_owns_the_audit_table(db, client):
    assert "owns the audit table" in ready(client)[2]["audit owner"]


def test_a_clock_that_jumped_forward_is_warned_of_until_its_time_has_come(db, client, monkeypatch):
    class Ahead(datetime):
        """Two hours and a half before its time."""

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=150, seconds=30)

    record_event(action="session.signed_in", origin=get_system_origin("x"))
    assert "audit clock" not in ready(client)[2]
    monkeypatch.setattr(recording, "datetime", Ahead)
    jumped = record_event(action="session.signed_in", origin=get_system_origin("x"))
    monkeypatch.undo()
    later = record_event(action="session.signed_in", origin=get_system_origin("x"))
    assert later.time == jumped.time
    status, verdict, warnings = ready(client)
    assert (status, verdict) == (200, "ok") and "150 minutes in the future" in warnings["audit clock"]


def test_the_time_of_the_head_sets_no_clock(db, client):
    """Its seal does not cover the time, so no event bears it."""
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    remove_triggers(connection)
    ChainHead.objects.update(updated_at=datetime.now(UTC) + timedelta(days=400))
    assert "audit clock" not in ready(client)[2]
