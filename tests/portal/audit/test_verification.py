"""Anyone who touches the recorded rows is found out, whatever they touched."""

import base64
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from portal.audit.canonical import HASHED_FIELDS
from portal.audit.keys import compute_digest, get_audit_keys
from portal.audit.models import ChainHead, Event
from portal.audit.recording import ObjectRef, get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.verification.chain import verify_trail
from portal.audit.verification.report import MAX_PROBLEMS

pytestmark = pytest.mark.django_db
ROWS = 12


@pytest.fixture
def chain():
    """Rows to attack, with the guards off: the attacker owns the database."""
    for number in range(ROWS):
        record_event(
            action="change.accepted",
            origin=get_system_origin("x"),
            object=ObjectRef("merchant", f"g-{number}", f"Shop {number}"),
            after={"name": number},
            duration_ms=number,
        )
    remove_triggers(connection)


def key(name, byte):
    """A PORTAL_AUDIT_KEYS entry."""
    return f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}"


def edit(sequence, **values):
    """Changes a row behind the portal's back."""
    assert Event.objects.filter(pk=sequence).update(**values) == 1


def move(old, new):
    """Gives a row another number."""
    Event.objects.filter(pk=old).update(sequence=new)


def copy_of(original, **values):
    """A row made by hand, like another one."""
    row = Event.objects.filter(pk=original).values().get()
    return Event.objects.create(**row | {"hash": "f" * 64, "previous_hash": "e" * 64} | values)


def found(sequence, kind):
    """The first problem is what it should be."""
    report = verify_trail()
    assert not report.whole
    assert (report.problems[0].sequence, report.problems[0].kind) == (sequence, kind), report.problems
    return report


def test_an_untouched_chain_is_whole(chain):
    report = verify_trail()
    assert report.whole and report.rows == ROWS


def test_an_empty_chain_is_whole():
    assert verify_trail().whole


def test_an_edited_row_is_named(chain):
    edit(5, message="I was never here")
    found(5, "edited")


def test_a_row_edited_together_with_its_hash_is_named(chain):
    edit(5, message="I was never here", hash="a" * 64)
    found(5, "edited")


def test_deleted_rows_are_named(chain):
    Event.objects.filter(pk=5).delete()
    found(5, "deleted")
    Event.objects.filter(pk__in=(6, 7)).delete()
    assert "up to 7" in str(found(5, "deleted").problems[0])


def test_a_cut_off_end_is_named(chain):
    Event.objects.filter(pk__gt=8).delete()
    found(9, "cut off")


def test_a_cut_off_end_with_the_head_set_back_is_found(chain):
    Event.objects.filter(pk__gt=8).delete()
    ChainHead.objects.update(sequence=8, count=8, hash=Event.objects.get(pk=8).hash)
    found(8, "head")


def test_a_missing_head_is_found(chain):
    ChainHead.objects.all().delete()
    found(ROWS + 1, "cut off")


def test_everything_deleted_is_found(chain):
    Event.objects.all().delete()
    found(1, "cut off")
    ChainHead.objects.update(sequence=0, count=0, seal="", hash="b" * 64)
    found(0, "head")


def test_reordered_rows_are_named(chain):
    for old, new in ((5, 99), (9, 5), (99, 9)):
        move(old, new)
    assert "row 9" in str(found(5, "reordered").problems[0])


def test_an_inserted_row_is_named(chain):
    for number in range(ROWS, 4, -1):
        move(number, number + 1)
    copy_of(3, sequence=5)
    found(5, "inserted")


def test_rows_inserted_at_either_end_are_named(chain):
    copy_of(3, sequence=0)
    found(0, "inserted")
    Event.objects.filter(pk=0).delete()
    copy_of(3, sequence=ROWS + 1)
    assert {problem.kind for problem in verify_trail().problems} == {"edited", "inserted"}


def test_a_row_taken_from_another_genuine_chain_is_named(chain):
    """Even someone with the key cannot exchange a row without breaking the chain."""
    row = dict(Event.objects.filter(pk=5).values().get(), previous_hash="d" * 64)
    from portal.audit.canonical import row_text

    digest = compute_digest(row["key_id"], row_text([row[name] for name in HASHED_FIELDS]))
    edit(5, previous_hash="d" * 64, hash=digest)
    found(5, "reordered")


def test_a_head_that_counts_otherwise_is_found(chain):
    from portal.audit.chain_head import compute_head_seal

    head = ChainHead.objects.get()
    seal = compute_head_seal(head.key_id, head.sequence, 99, head.hash)
    ChainHead.objects.update(count=99, seal=seal)
    found(ROWS, "head")


@pytest.mark.sqlite  # PostgreSQL stores no value that is not of its column's type
def test_a_value_that_cannot_be_read_is_named(chain):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET time = '2026-99-99 00:00:00' WHERE sequence = 5")
    found(5, "edited")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET time = 'never', message = CAST(x'ff' AS TEXT) WHERE sequence = 4"
        )
    found(4, "edited")


def test_no_more_problems_are_kept_than_a_person_reads(chain):
    for _ in range(2 * MAX_PROBLEMS):
        record_event(action="session.signed_in", origin=get_system_origin("x"))
    Event.objects.update(message="x")
    assert len(verify_trail().problems) == MAX_PROBLEMS


def test_a_row_of_a_lost_key_is_named_and_a_rotated_key_is_not(chain, settings):
    old = settings.PORTAL_AUDIT_KEYS
    settings.PORTAL_AUDIT_KEYS = f"{key('new', 1)},{old}"
    install_triggers(connection)
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    assert Event.objects.first().key_id == "new" and verify_trail().whole
    settings.PORTAL_AUDIT_KEYS = key("new", 1)
    found(1, "wrong key")
    settings.PORTAL_AUDIT_KEYS = f"{key('new', 2)},{old}"
    found(ROWS + 1, "edited")


@pytest.mark.parametrize(
    "keys", ["", "a", "a:", "a:%%%", f"a:{base64.b64encode(b'short').decode()}", ":" + "A" * 44]
)
def test_a_key_that_is_none_stops_everything(settings, keys):
    settings.PORTAL_AUDIT_KEYS = keys
    with pytest.raises(ImproperlyConfigured):
        get_audit_keys()


def test_a_trail_of_many_pieces_is_read_whole(chain):
    head, rows = ChainHead.objects.get(), []
    from portal.audit.canonical import row_text
    from portal.audit.chain_head import compute_head_seal

    row = Event.objects.filter(pk=ROWS).values().get()
    for sequence in range(ROWS + 1, 10_001):
        row = row | {"sequence": sequence, "previous_hash": row["hash"], "time": datetime.now(UTC)}
        row["hash"] = compute_digest(row["key_id"], row_text([row[name] for name in HASHED_FIELDS]))
        rows.append(Event(**row))
    Event.objects.bulk_create(rows, batch_size=500)
    seal = compute_head_seal(head.key_id, 10_000, 10_000, row["hash"])
    ChainHead.objects.update(sequence=10_000, count=10_000, hash=row["hash"], seal=seal)
    report = verify_trail()
    assert report.whole and report.rows == 10_000
