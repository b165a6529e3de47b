"""The database itself refuses to change what was recorded, on SQLite and PostgreSQL."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import Error, connection, transaction

from portal.audit.models import ChainHead, Event, KnownName, Term
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers

pytestmark = pytest.mark.django_db
COLUMNS = ", ".join(f'"{field.column}"' for field in Event._meta.concrete_fields)


@pytest.fixture(autouse=True)
def events():
    """Two rows to attack."""
    return [record_event(action="session.signed_in", origin=get_system_origin("ana")) for _ in range(2)]


def refused(statement):
    """Runs the statement; True if the database refused and nothing changed."""
    before = list(Event.objects.values()), list(ChainHead.objects.values())
    with pytest.raises(Error) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (list(Event.objects.values()), list(ChainHead.objects.values())) == before
    return str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET message = 'x' WHERE sequence = 1",
        "UPDATE audit_event SET sequence = 99 WHERE sequence = 1",
        "DELETE FROM audit_event WHERE sequence = 2",
        "DELETE FROM audit_event",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET sequence = 1, count = 1",
        "UPDATE audit_head SET id = 2",
        "DELETE FROM audit_term WHERE term = 'w:ana'",
        "UPDATE audit_term SET term = 'w:nobody'",
        "DELETE FROM audit_known",
        "UPDATE audit_known SET folded = 'nobody'",
    ],
)
def test_changing_and_deleting_is_refused(statement):
    assert "append-only" in refused(statement)


@pytest.mark.postgresql
def test_truncating_is_refused():
    tables = ("audit_event", "audit_head", "audit_term", "audit_known", "audit_event, audit_head CASCADE")
    for table in tables:
        assert "append-only" in refused(f"TRUNCATE {table}")


@pytest.mark.postgresql
def test_the_guards_hold_for_a_replica_role_too():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    assert "append-only" in refused("DELETE FROM audit_event")


@pytest.mark.sqlite
@pytest.mark.parametrize("changed", ["sequence", "hash", "previous_hash"])
def test_replacing_a_row_is_refused(changed):
    """INSERT OR REPLACE, keeping one unique column of an old row so that it would be pushed out."""
    fresh = {"sequence": "77", "hash": "'h'", "previous_hash": "'p'"}
    fresh.pop(changed)
    values = ", ".join(fresh.get(field.column, f'"{field.column}"') for field in Event._meta.concrete_fields)
    for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT"):
        statement = f"{verb} INTO audit_event ({COLUMNS}) SELECT {values} FROM audit_event LIMIT 1"  # noqa: S608
        assert "append-only" in refused(statement)


@pytest.mark.sqlite
def test_other_ways_of_sqlite_to_overwrite_are_refused():
    upsert = f"INSERT INTO audit_event ({COLUMNS}) SELECT {COLUMNS} FROM audit_event WHERE 1"  # noqa: S608
    refused(f"{upsert} ON CONFLICT DO UPDATE SET message = 'x'")
    refused("UPDATE OR REPLACE audit_event SET hash = (SELECT hash FROM audit_event WHERE sequence = 2)")
    refused("INSERT OR REPLACE INTO audit_head SELECT * FROM audit_head")


def test_the_guards_can_be_put_back():
    remove_triggers(connection)
    Event.objects.filter(pk=1).update(message="edited")
    install_triggers(connection)
    assert "append-only" in refused("DELETE FROM audit_event")


def test_a_database_without_guards_is_not_used(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "oracle")
    with pytest.raises(ImproperlyConfigured):
        install_triggers(connection)


@pytest.mark.postgresql
def test_a_hash_costs_each_append_one_index_and_still_occurs_once():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'audit_event'")
        found = [text for (text,) in cursor.fetchall() if "hash" in text.partition(" USING ")[2]]
    assert len(found) == 2 and all("UNIQUE" in text and "pattern_ops" not in text for text in found)


def test_an_index_that_was_emptied_behind_the_guards_is_put_back_on_record(capsys):
    there = set(Term.objects.values_list("pk")), set(KnownName.objects.values_list("pk"))
    remove_triggers(connection)
    Term.objects.all().delete()
    KnownName.objects.all().delete()
    install_triggers(connection)
    call_command("audit_index")
    missing = len(there[0]) + len(there[1])
    assert f"{missing} entries were missing and are back." in capsys.readouterr().out
    newest = Event.objects.first()
    assert newest.action == "audit.index_mended" and newest.message == f"{missing} entries were missing"
    assert there[0] <= set(Term.objects.values_list("pk")) and there[1] <= set(
        KnownName.objects.values_list("pk")
    )
    call_command("audit_index")
    assert "0 entries were missing" in capsys.readouterr().out and Event.objects.first() == newest
