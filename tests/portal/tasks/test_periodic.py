"""Periodic work: started by one of all workers, when it is due, whatever restarts."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from portal.audit.models import Event
from portal.tasks import periodic
from portal.tasks.models import Periodic, State, TaskRun
from portal.tasks.periodic import register_periodic, run_housekeeping
from tests.background.workers import worked_off

DAY = timedelta(days=1)


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """What was started, with nothing else registered."""
    monkeypatch.setattr(periodic, "_REGULAR", {})
    calls: list[str] = []
    register_periodic("test.daily", lambda: calls.append("daily"), every=DAY)
    return calls


def another_worker(monkeypatch) -> None:
    """A process that just started: it has looked at nothing yet."""
    for regular in periodic._REGULAR.values():
        regular.due_at = 0.0


def due(name: str) -> None:
    Periodic.objects.filter(name=name).update(due_at=timezone.now() - timedelta(seconds=1))


def test_it_is_started_once_per_period_by_whichever_worker(db, monkeypatch, started) -> None:
    run_housekeeping()
    assert started == [], "the first time is a period after it was first known"
    due("test.daily")
    for _ in range(3):
        another_worker(monkeypatch)
        run_housekeeping()
    assert started == ["daily"]
    assert Periodic.objects.get().due_at > timezone.now() + DAY - timedelta(minutes=1)


def test_what_could_not_be_started_is_tried_again(db, monkeypatch, caplog) -> None:
    monkeypatch.setattr(periodic, "_REGULAR", {})
    monkeypatch.setattr(periodic.connections, "close_all", lambda: None)  # the test's own is in use

    def broken() -> None:
        raise OSError("canary")

    register_periodic("test.broken", broken, every=DAY)
    run_housekeeping()
    due("test.broken")
    another_worker(monkeypatch)
    run_housekeeping()
    assert "test.broken could not be started: OSError" in caplog.text and "canary" not in caplog.text
    assert Periodic.objects.get().due_at < timezone.now() + periodic.RETRY_AFTER


def test_workers_verify_and_archive_the_trail_every_day(db, monkeypatch) -> None:
    regular = {chore: each for chore, each in periodic._REGULAR.items() if isinstance(chore, partial)}
    monkeypatch.setattr(periodic, "_REGULAR", regular)
    another_worker(monkeypatch)
    run_housekeeping()
    for name in ("audit.verify", "audit.archive"):
        due(name)
    another_worker(monkeypatch)
    run_housekeeping()
    assert {run.kind for run in TaskRun.objects.all()} == {"audit.verify", "audit.archive"}
    assert {run.owner_id for run in TaskRun.objects.all()} == {None}
    worked_off()
    assert {run.state for run in TaskRun.objects.all()} == {State.DONE}
    assert Event.objects.get(action="audit.verified").actor_name
