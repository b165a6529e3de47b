"""Purging deletes archived events, and the chain proves that nothing else was deleted."""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from clock import LATER, SYSTEM, attacked
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench import audit_events
from portal.audit.forwarding.delivery import deliver_all
from portal.audit.models import ChainHead, Event, KnownName, Term
from portal.audit.retention import tombstones
from portal.audit.retention.archives import MAX_ROWS, write_archives
from portal.audit.retention.purging import (
    PurgeRefused,
    find_archive_of_purged,
    get_guaranteed_since,
    get_purged_ranges,
    purge_archives,
)
from portal.audit.triggers import find_missing_triggers, remove_triggers
from portal.audit.verification.chain import verify_trail


def test_a_purge_leaves_the_first_and_latest_event_of_each_object_and_a_whole_chain(purged):
    assert purged == {1: 6, 11: 9, 21: 1}
    left = set(Event.objects.filter(pk__lte=24).values_list("sequence", flat=True))
    assert left == {1, 2, 3, 4, 20, 21, 22, 23}
    report = verify_trail()
    assert report.whole and find_missing_triggers(connection) == [], report.problems
    assert ChainHead.objects.get().count == report.rows + sum(purged.values())


def test_any_range_of_a_purged_chain_verifies_and_is_protected(purged):
    for first in range(1, 28):
        for last in range(first, 31, 3):
            assert verify_trail(first=first, last=last).whole, (first, last)
    remove_triggers(connection)
    Event.objects.filter(pk=21).delete()
    assert not verify_trail(first=12, last=21).whole and verify_trail(first=12, last=20).whole
    assert not verify_trail(first=22, last=22).whole and verify_trail(first=23, last=24).whole


def test_what_is_not_old_enough_stays(archived):
    assert list(purge_archives(origin=SYSTEM)) == []
    assert Event.objects.filter(pk__lte=24).count() == 24


def test_the_guarantee_is_whole_months_and_at_least_twelve(settings):
    settings.AUDIT_RETENTION_MONTHS = 12
    assert get_guaranteed_since(datetime(2026, 11, 23, tzinfo=UTC)) == datetime(2025, 11, 1, tzinfo=UTC)
    settings.AUDIT_RETENTION_MONTHS = 25
    assert get_guaranteed_since(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2023, 12, 1, tzinfo=UTC)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "AUDIT_RETENTION_MONTHS": "11"}
    run = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode and "AUDIT_RETENTION_MONTHS must be at least 12" in run.stderr


def test_what_was_derived_from_the_rows_goes_with_them(purged):
    gone = set(range(1, 25)) - set(Event.objects.values_list("sequence", flat=True))
    assert not Term.objects.filter(event_id__in=gone).exists()
    assert not Term.objects.filter(term="w:why10").exists() and Term.objects.filter(term="w:why0").exists()
    fields = set(KnownName.objects.filter(kind="field").values_list("name", flat=True))
    assert "field0" in fields and "field10" not in fields
    assert KnownName.objects.filter(kind="object:merchant", guid="g-0").exists()


def test_rows_are_kept_until_they_are_forwarded(archived, settings, tmp_path):
    settings.AUDIT_FORWARD_TO = [f"file:{tmp_path / 'siem.jsonl'}"]
    with pytest.raises(PurgeRefused, match="until they have been delivered"):
        list(purge_archives(origin=SYSTEM, now=LATER))
    assert Event.objects.filter(pk__lte=24).count() == 24
    deliver_all(holder="one")
    assert len(list(purge_archives(origin=SYSTEM, now=LATER))) == 3


def test_nothing_goes_whose_archive_is_gone_or_another(archived):
    whole = archived[0].path.read_bytes()
    archived[0].path.unlink()
    with pytest.raises(PurgeRefused, match="cannot be read"):
        list(purge_archives(origin=SYSTEM, now=LATER))
    archived[0].path.write_bytes(archived[1].path.read_bytes())
    with pytest.raises(PurgeRefused, match="a different archive"):
        list(purge_archives(origin=SYSTEM, now=LATER))
    archived[0].path.write_bytes(whole)
    attacked(lambda: Event.objects.filter(pk=10).delete())
    with pytest.raises(PurgeRefused, match="Verify the audit trail first"):
        list(purge_archives(origin=SYSTEM, now=LATER))
    assert find_missing_triggers(connection) == [] and Event.objects.filter(pk__lte=9).count() == 9


def test_a_purge_without_a_tombstone_is_found(archived):
    problem = attacked(lambda: Event.objects.filter(pk__in=(5, 6, 7)).delete())
    assert (problem.sequence, problem.kind) == (5, "deleted")


def test_missing_rows_outside_of_tombstones_are_found(purged):
    problem = attacked(lambda: Event.objects.filter(pk=3).delete())
    assert (problem.sequence, problem.kind) == (3, "deleted")


def test_a_purged_row_that_is_put_back_is_found(archived):
    row = Event.objects.filter(pk=14).values().get()
    list(purge_archives(origin=SYSTEM, now=LATER))
    problem = attacked(lambda: Event.objects.create(**row))
    assert (problem.sequence, problem.kind) == (14, "inserted")


def test_an_edited_or_missing_tombstone_covers_nothing(purged):
    stone = Event.objects.filter(action="audit.purged").last()
    with transaction.atomic():
        wider = json.dumps(json.loads(stone.request) | {"kept": [], "marks": []})
        assert attacked(lambda: Event.objects.filter(pk=stone.pk).update(request=wider)).kind == "deleted"
        transaction.set_rollback(True)
    assert attacked(lambda: Event.objects.filter(pk=stone.pk).delete()).sequence < stone.pk


def test_random_tamperings_of_a_purged_chain_are_all_found(purged):
    tamperings_found()


def tamperings_found():
    """150 of them, each on the trail as it was."""
    chance = random.Random(7)  # noqa: S311 - a repeatable attacker
    remove_triggers(connection)
    numbers = list(Event.objects.values_list("sequence", flat=True))
    for _ in range(150):
        with transaction.atomic():
            _tamper(chance, numbers)
            assert not verify_trail().whole
            transaction.set_rollback(True)
    assert verify_trail().whole


def _tamper(chance, numbers):
    one, two = chance.sample(numbers, 2)
    events, kind = Event.objects.filter(pk=one), chance.randrange(4)
    if kind == 0:
        events.delete()
    elif kind == 1:
        events.update(reason="another")
    elif kind == 2:
        Event.objects.filter(pk__gte=one).delete()
    else:
        for old, new in ((one, 99), (two, one), (99, two)):
            Event.objects.filter(pk=old).update(sequence=new)


def test_the_address_of_a_purged_event_says_where_it_is(purged, manager, client_of):
    answer = client_of(manager).get("/audit/14/")
    assert answer.status_code == 404 and "audit-0000000011-0000000020.jsonl.gz" in answer.content.decode()
    assert "There is no event 999" in client_of(manager).get("/audit/999/").content.decode()


@pytest.mark.postgresql
def test_the_portals_own_role_cannot_purge(archived, settings):
    settings.APPLICATION_DATABASE = {"USER": "portal_test_purge", "PASSWORD": ""}
    call_command("database_roles", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE portal_test_purge")
    with pytest.raises(PurgeRefused, match="DATABASE_OWNER_URL"):
        list(purge_archives(origin=SYSTEM, now=LATER))
    assert Event.objects.filter(pk__lte=24).count() == 24


def test_pages_do_not_read_the_tombstones(purged, archived):
    """They hold a mark for each row that stayed."""
    gone = next(number for number in range(1, 21) if not Event.objects.filter(pk=number).exists())
    with CaptureQueriesContext(connection) as asked:
        assert find_archive_of_purged(gone).first <= gone
        assert get_purged_ranges() == {(kept.first, kept.last) for kept in archived if kept.first in purged}
    assert not [
        query
        for query in asked
        if "audit.purged" in query["sql"] and '"audit_event"."request"' in query["sql"]
    ]
    assert find_archive_of_purged(Event.objects.first().sequence) is None


def invented(_chance, count):
    """Each second row the only one of its object, the others about nothing."""
    for number in range(count):
        about = {"object_kind": "merchant", "object_guid": f"g-{number}"} if number % 2 else {}
        yield {"action": "change.accepted", "actor_name": "Ana"} | about


def test_tombstones_are_bounded_however_many_rows_are_kept(db, monkeypatch):
    """A whole archive, of which thousands stay: each is the first and the latest of its object."""
    monkeypatch.setattr(audit_events, "invent_events", invented)
    assert list(audit_events.append_batches(count=MAX_ROWS, days=1)) == [MAX_ROWS]
    [kept] = write_archives(until=datetime.now(UTC) + timedelta(days=1), origin=SYSTEM)
    assert list(purge_archives(origin=SYSTEM, now=LATER)) == [(kept, MAX_ROWS // 2)]
    stones = Event.objects.filter(action="audit.purged").order_by("pk")
    assert len(stones) == MAX_ROWS // 2 // tombstones.MAX_KEPT == 5
    assert max(len(stone.request) for stone in stones) < 64 * 1024
    assert stones[0].message == "1000 of the rows 1 to 10000, 1000 stay (here those from 1 to 2000)"
    assert get_purged_ranges() == {(1, MAX_ROWS)} and find_archive_of_purged(9_999) == kept
    assert list(purge_archives(origin=SYSTEM, now=LATER)) == [] and verify_trail().whole
    assert attacked(lambda: Event.objects.filter(pk=2000).delete()).sequence == 2000


def test_the_largest_tombstone_fits():
    """Of rows with the longest numbers there are."""
    most = tombstones.MAX_KEPT
    numbers = tuple(range(10**18, 10**18 + most))
    stone = tombstones.Tombstone(numbers[0], numbers[-1], "f" * 64, "f" * 64, numbers, ("f" * 32,) * most)
    assert len(json.dumps(stone.request)) < 64 * 1024


@pytest.fixture
def small_stones(monkeypatch):
    """One tombstone for two rows that stay."""
    monkeypatch.setattr(tombstones, "MAX_KEPT", 2)


def test_several_tombstones_for_one_archive_are_as_safe(small_stones, purged):
    stones = Event.objects.filter(action="audit.purged")
    assert [len(stone.request_data["kept"]) for stone in stones.order_by("pk")] == [2, 2, 1, 2, 1]
    for first in range(1, 30):
        for last in range(first, 33, 3):
            assert verify_trail(first=first, last=last).whole, (first, last)
    tamperings_found()
