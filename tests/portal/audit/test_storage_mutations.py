"""Raw SQL against the stored rows, with the guards taken off and put back: all of it is found."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import Error, connection, transaction
from django.http import QueryDict
from django.utils import timezone

from portal.audit.filters import parse_filters
from portal.audit.models import ChainHead, Event, KnownName, Term
from portal.audit.pagination import get_event_page
from portal.audit.recording import ObjectRef, get_system_origin, record_event
from portal.audit.triggers import find_missing_triggers, install_triggers, remove_triggers
from portal.audit.verification.chain import verify_trail

pytestmark = pytest.mark.django_db
ROWS = 6

# Other spellings of the same instant: queries compare the text, and the hash covers the parsed time.
TIME_SPELLINGS = (
    "time || '1'",
    "time || '000'",
    "time || 'Z'",
    "time || '+00:00'",
    "time || '-00:00'",
    "time || ' '",
    "' ' || time",
    "replace(time, ' ', 'T')",
    "replace(time, ' ', '  ')",
    "CAST(time AS BLOB)",
    "strftime('%Y-%m-%d %H:%M:%S', time, '-23 hours', '-59 minutes') || substr(time, 20) || '-23:59'",
    "strftime('%Y-%m-%d %H:%M:%S', time, '+14 hours') || substr(time, 20) || '+14:00'",
)


@pytest.fixture(autouse=True)
def trail():
    """Changes of shops, each by another person."""
    for number in range(ROWS):
        record_event(
            action="change.accepted",
            origin=get_system_origin(f"person{number}"),
            object=ObjectRef("merchant", f"g-{number}", f"Shop {number}", f"t-{number}", f"Tenant {number}"),
            before={"name": "old"},
            after={"name": number},
            reason=f"ticket{number}",
            duration_ms=number,
        )
    # Times written by hand need digits after the second; the clock may have had none.
    assert verify_trail().whole and not verify_trail().disagreements


def execute(statement, *values):
    """Run a statement as the owner of the database does: guards off, statement, guards on."""
    remove_triggers(connection)
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        count = cursor.rowcount
    install_triggers(connection)
    assert not find_missing_triggers(connection)
    return count


def stored():
    """Everything that the trail is made of, as it is stored."""
    rows, literal = [], "quote({})" if connection.vendor == "sqlite" else "quote_nullable({})"
    with connection.cursor() as cursor:
        for model in (Event, ChainHead, Term, KnownName):
            columns = ", ".join(literal.format(field.column) for field in model._meta.concrete_fields)
            cursor.execute(f"SELECT {columns} FROM {model._meta.db_table}")  # noqa: S608
            rows.append(sorted(cursor.fetchall()))
    return rows


@pytest.mark.sqlite
@pytest.mark.parametrize("spelling", TIME_SPELLINGS)
def test_another_spelling_of_the_same_time_is_found(spelling):
    execute(f"UPDATE audit_event SET time = {spelling} WHERE sequence = 3")  # noqa: S608
    report = verify_trail()
    assert (report.problems[0].sequence, report.problems[0].kind) == (3, "edited")


@pytest.mark.sqlite
def test_a_whole_second_has_one_spelling_too(monkeypatch):
    from portal.audit import recording

    class Whole(datetime):
        """A clock that stands at a whole second."""

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz).replace(microsecond=0) + timedelta(seconds=1)

    monkeypatch.setattr(recording, "datetime", Whole)
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    assert verify_trail().whole
    execute("UPDATE audit_event SET time = time || '.000000' WHERE sequence = 7")
    assert not verify_trail().whole


@pytest.mark.parametrize("column", [field.column for field in Event._meta.concrete_fields])
def test_no_stored_value_can_be_changed_unseen(column):
    """Each column in every way that the database takes: what it does not take changes nothing."""
    texts = [f"{column} || '1'", f"{column} || ' '", "''", "'x'", "NULL", "upper({0})", "'1'"]
    blobs = [f"CAST({column} AS BLOB)", "x''", "1", "1.5", "0"] if connection.vendor == "sqlite" else ["1"]
    numbers = [f"{column} + 1", f"-{column}", f"{column} + interval '1 microsecond'"]
    tried = 0
    for value in (*texts, *blobs, *numbers):
        before = stored()
        with transaction.atomic():
            try:
                with transaction.atomic():
                    execute(f"UPDATE audit_event SET {column} = {value.format(column)} WHERE sequence = 3")  # noqa: S608
            except Error:
                changed = False
            else:
                changed = stored() != before
            assert verify_trail().whole != changed, (column, value)
            transaction.set_rollback(True)
        tried += changed
    assert tried >= 1


def test_the_trail_takes_its_time_from_the_last_sealed_row():
    """Whatever the head says: nothing can be dated into another part of the day."""
    for offset in ("9 hours", "-9 hours"):
        later = f"now() + interval '{offset}'"
        if connection.vendor == "sqlite":
            later = f"strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '{offset}')"
        execute(f"UPDATE audit_head SET updated_at = {later}")  # noqa: S608
        event = record_event(action="session.signed_in", origin=get_system_origin("x"))
        assert abs(event.time - timezone.now()) < timedelta(minutes=1)
    assert verify_trail().whole


def test_a_last_row_whose_time_was_moved_sets_no_clock():
    """The next row would bear that time, and be genuine."""
    time = Event.objects.get(pk=ROWS).time
    execute("UPDATE audit_event SET time = %s WHERE sequence = %s", time + timedelta(hours=9), ROWS)
    event = record_event(action="staff.created", origin=get_system_origin("night"))
    assert abs(event.time - timezone.now()) < timedelta(minutes=1)
    assert verify_trail().problems[0].sequence == ROWS


def test_a_chain_whose_times_go_back_is_found():
    """As a portal wrote it that took the time from the unsealed head."""
    from portal.audit.canonical import HASHED_FIELDS, row_text
    from portal.audit.chain_head import compute_head_seal
    from portal.audit.keys import compute_digest

    last = record_event(action="staff.created", origin=get_system_origin("night"))
    last.time -= timedelta(hours=3)
    last.hash = compute_digest(last.key_id, row_text([getattr(last, name) for name in HASHED_FIELDS]))
    seal = compute_head_seal(last.key_id, last.sequence, last.sequence, last.hash)
    remove_triggers(connection)
    Event.objects.filter(pk=last.pk).update(time=last.time, hash=last.hash)
    ChainHead.objects.update(hash=last.hash, seal=seal)
    install_triggers(connection)
    report = verify_trail()
    assert (report.problems[0].sequence, report.problems[0].kind) == (last.sequence, "time")
    part = verify_trail(first=last.sequence)
    assert part.problems[0].kind == "time"


INDEX_ATTACKS = {
    "names hidden": "UPDATE audit_known SET folded = 'hidden'",
    "one name hidden": "UPDATE audit_known SET folded = 'hidden' WHERE name = 'person3'",
    "name in capitals": "UPDATE audit_known SET folded = upper(folded) WHERE name = 'person3'",
    "names deleted": "DELETE FROM audit_known WHERE kind = 'actor'",
    "name renamed": "UPDATE audit_known SET name = 'nobody', folded = 'nobody' WHERE name = 'person3'",
    "name added": "INSERT INTO audit_known (kind, connection, guid, name, folded) "
    "VALUES ('actor', '', '', 'ghost', 'ghost')",
    "words deleted": "DELETE FROM audit_term WHERE term = 'w:person3'",
    "word renamed": "UPDATE audit_term SET term = 'w:nobody' WHERE term = 'w:person3'",
    "word of another event": "UPDATE audit_term SET event_id = 5 WHERE term = 'w:person3'",
    "word added": "INSERT INTO audit_term (term, event_id) VALUES ('w:ghost', 3)",
    "word of no event": "INSERT INTO audit_term (term, event_id) VALUES ('w:ghost', 4711)",
    "index emptied": "DELETE FROM audit_term",
}
BLOB_ATTACKS = {
    "search form as blob": "UPDATE audit_known SET folded = CAST(folded AS BLOB)",
    "name as blob": "UPDATE audit_known SET name = CAST(name AS BLOB) WHERE name = 'person3'",
    "word as blob": "UPDATE audit_term SET term = CAST(term AS BLOB) WHERE term = 'w:person3'",
    "event as blob": "UPDATE audit_term SET event_id = x'33' WHERE term = 'w:person3'",
}


@pytest.mark.parametrize(
    "attack",
    # PostgreSQL stores no blob in a text column.
    [*INDEX_ATTACKS, *(pytest.param(attack, marks=pytest.mark.sqlite) for attack in BLOB_ATTACKS)],
)
def test_an_altered_index_is_found_and_repaired(attack, capsys):
    there = set(Term.objects.values_list("pk")), set(KnownName.objects.values_list("pk", "folded"))
    assert execute((INDEX_ATTACKS | BLOB_ATTACKS)[attack])
    report = verify_trail()
    assert report.whole and len(report.disagreements) == 1 and "audit_index" in report.disagreements[0]
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit")
    assert ended.value.code == 2 and "audit_index" in capsys.readouterr().err
    assert "audit_index" in Event.objects.first().message
    call_command("audit_index")
    assert Event.objects.first().action == "audit.index_mended"
    assert not verify_trail().disagreements and not find_missing_triggers(connection)
    assert there[0] <= set(Term.objects.values_list("pk"))
    assert there[1] <= set(KnownName.objects.values_list("pk", "folded"))
    assert "w:ghost" not in Term.objects.values_list("term", flat=True)
    assert [event.pk for event in _found("actor=person3")] == [4]
    assert [event.pk for event in _found("words=ticket3")] == [4]
    call_command("audit_index")
    assert Event.objects.first().action == "audit.index_mended"
    assert Event.objects.filter(action="audit.index_mended").count() == 1


def _found(query):
    query = QueryDict(query)
    return get_event_page(parse_filters(query, UTC), query).events


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO audit_known (kind, connection, guid, name, folded) "
        "SELECT kind, connection, guid, name, 'hidden' FROM audit_known",
        "REPLACE INTO audit_known (kind, connection, guid, name, folded) "
        "SELECT kind, connection, guid, name, 'hidden' FROM audit_known LIMIT 1",
        "REPLACE INTO audit_known (rowid, kind, connection, guid, name, folded) "
        "SELECT rowid, 'actor', '', '', 'ghost' || rowid, 'ghost' FROM audit_known",
        "INSERT OR REPLACE INTO audit_term (term, event_id) SELECT term, event_id FROM audit_term",
        "REPLACE INTO audit_term (rowid, term, event_id) SELECT rowid, 'w:ghost', rowid + 50 FROM audit_term",
        "INSERT INTO audit_known SELECT * FROM audit_known WHERE 1 "
        "ON CONFLICT (kind, connection, guid, name) DO UPDATE SET folded = 'hidden'",
    ],
)
def test_replacing_entries_of_the_index_is_refused(statement):
    before = stored()
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert stored() == before


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_known SELECT * FROM audit_known "
        "ON CONFLICT (kind, connection, guid, name) DO UPDATE SET folded = 'hidden'",
        "INSERT INTO audit_term SELECT * FROM audit_term "
        "ON CONFLICT (term, event_id) DO UPDATE SET term = 'w:ghost'",
        "MERGE INTO audit_known USING (SELECT 1) one ON true WHEN MATCHED THEN UPDATE SET folded = 'hidden'",
        "MERGE INTO audit_known USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
    ],
)
def test_overwriting_entries_of_the_index_is_refused(statement):
    before = stored()
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert stored() == before
