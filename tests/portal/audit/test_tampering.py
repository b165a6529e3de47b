"""A thousand random attacks by someone who owns the database: not one goes unnoticed."""

import random
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction

from portal.audit.anchors import write_anchor
from portal.audit.canonical import HASHED_FIELDS
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable, ObjectRef, get_system_origin, record_event
from portal.audit.triggers import remove_triggers
from portal.audit.verification.chain import verify_trail

ROWS, TRIES = 8, 1000
COLUMNS = [name for name in (*HASHED_FIELDS, "hash") if name != "sequence"]
# How often each attack comes; an edit has most ways to be done.
ATTACKS = {
    "edit": 8, "delete": 2, "delete run": 1, "cut": 2, "cut with head": 1, "swap": 2, "shift": 1,
    "insert": 2, "insert between": 1, "exchange": 1, "edit head": 1, "restore": 3, "restore and go on": 1,
    "cut with head and go on": 1,
}  # fmt: skip


@pytest.fixture
def heads(db):
    """ROWS anchored rows with the guards off; the head as it was after each, as an old copy holds it."""
    heads = [ChainHead.objects.values().get()]
    for number in range(ROWS):
        record_event(
            action="change.accepted",
            origin=get_system_origin("x"),
            object=ObjectRef("merchant", f"g-{number}", f"Shop {number}"),
            after={"name": number},
            duration_ms=number,
        )
        heads.append(ChainHead.objects.values().get())
    write_anchor()
    remove_triggers(connection)
    return heads


def test_1000_random_tamperings_are_all_found(heads):
    """Each in a savepoint that is taken back: edits, deletions, insertions, reorderings, cuts, old copies."""
    chance = random.Random(20260101)  # noqa: S311 - a repeatable attacker
    kinds = chance.choices(list(ATTACKS), list(ATTACKS.values()), k=TRIES)
    for number, kind in enumerate(kinds):
        with transaction.atomic():
            _tamper(kind, chance, heads)
            assert not verify_trail().whole, (number, kind)
            transaction.set_rollback(True)
    assert verify_trail().whole and set(kinds) == set(ATTACKS)


def test_nothing_is_appended_to_an_end_that_the_portal_did_not_write(heads):
    """Not after a cut with a forged head, with rows beyond the head, nor once the last row is gone."""
    attacks = {
        "cut": lambda: _cut("cut with head", 3, 5, heads),
        "wiped": lambda: (
            _cut("cut", 1, 5, heads),
            ChainHead.objects.update(hash="0" * 64, sequence=0, count=0),
        ),
        "last row": lambda: Event.objects.filter(pk=ROWS).delete(),
        "beyond": lambda: _insert("insert", 1, 2, _Beyond()),
        "old head": lambda: ChainHead.objects.update(**heads[3]),
    }
    for name, attack in attacks.items():
        with transaction.atomic():
            attack()
            _refused()
            assert not verify_trail().whole, name
            transaction.set_rollback(True)


class _Beyond:
    """Chance that chooses the place after the last row."""

    choice = staticmethod(max)


def _tamper(kind, chance, heads):
    """One attack on the rows."""
    one, two = chance.sample(range(1, ROWS + 1), 2)
    if kind == "edit":
        column = chance.choice(COLUMNS)
        old = Event.objects.filter(pk=one).values_list(column, flat=True).get()
        _edit(one, **{column: _other(old, chance)})
    elif kind == "edit head":
        column = chance.choice(["sequence", "count", "hash", "key_id", "seal"])
        ChainHead.objects.update(**{column: _other(heads[-1][column], chance)})
    elif kind == "exchange":
        _edit(one, **Event.objects.filter(pk=two).values("object_name", "object_guid", "after").get())
    elif kind in ("swap", "shift"):
        moves = [(one, 99), (two, one), (99, two)] if kind == "swap" else [(one, chance.choice([0, -1, 50]))]
        for old, new in moves:
            Event.objects.filter(pk=old).update(sequence=new)
    elif kind.startswith("insert"):
        _insert(kind, one, two, chance)
    else:
        _cut(kind, one, two, heads)


def _insert(kind, one, two, chance):
    """A copy of a row at one of the ends, or in the middle, those after it moved up."""
    place = chance.choice([0, ROWS + 1, ROWS + 9])
    if kind == "insert between":
        place = one
        for number in range(ROWS, one - 1, -1):
            Event.objects.filter(pk=number).update(sequence=number + 1)
    row = Event.objects.exclude(pk=place).filter(pk__in=(two, two + 1)).values().first()
    Event.objects.create(**row | {"hash": "f" * 64, "previous_hash": "e" * 64, "sequence": place})


def _cut(kind, one, two, heads):
    """Rows are taken away: one, several, the end of the chain, or all that came after an old copy."""
    rows = {"delete": {"pk": one}, "delete run": {"pk__gte": min(one, two), "pk__lt": max(one, two)}}
    Event.objects.filter(**rows.get(kind, {"pk__gte": one})).delete()
    last = Event.objects.first()
    if kind.startswith("cut with head") and last:
        ChainHead.objects.update(sequence=last.sequence, count=last.sequence, hash=last.hash)
        if kind == "cut with head and go on":
            _refused()
    elif kind.startswith("restore"):
        ChainHead.objects.update(**heads[one - 1])
    if kind == "restore and go on":
        # The portal itself goes on writing, with its key, until the chain is longer than it was.
        for _ in range(ROWS + 2 - one):
            record_event(action="session.signed_in", origin=get_system_origin("x"))


def _refused():
    """The portal appends nothing to an end that it did not write: its own seal would vouch for the cut."""
    with pytest.raises(AuditUnavailable, match="tampered with"):
        record_event(action="session.signed_in", origin=get_system_origin("x"))


def _edit(sequence, **values):
    assert Event.objects.filter(pk=sequence).update(**values) == 1


def _other(value, chance):
    """Another value of the same type, near or far."""
    if isinstance(value, datetime):
        return value + timedelta(microseconds=chance.choice([-1, 1, 10**6]))
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 1000])
    if value is None:
        return chance.randrange(1, 1000)
    return chance.choice([value[:-1] or "y", value[:-1] + "~", chance.randbytes(8).hex()])
