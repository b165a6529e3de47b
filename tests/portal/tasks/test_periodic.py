"""Periodic work: started by one of all workers, when it is due, whatever restarts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.audit.models import Event
from portal.tasks import periodic
from portal.tasks.models import Periodic, State, TaskRun
from portal.tasks.periodic import Housekeeping, PeriodicTask, run_housekeeping
from tests.background.workers import worked_off
from tests.registries import registry_of

DAY = timedelta(days=1)


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """What was started, with nothing else registered."""
    calls: list[str] = []
    daily = PeriodicTask(lambda: calls.append("daily"), every=DAY)
    monkeypatch.setattr(periodic, "PERIODIC_TASKS", registry_of({"test.daily": daily}))
    return calls


def another_worker(monkeypatch) -> None:
    """A process that just started: it has looked at nothing yet."""
    housekeeping = Housekeeping(periodic.start_due_tasks, every=periodic.LOOK_EVERY)
    monkeypatch.setattr(periodic, "HOUSEKEEPING", registry_of({"periodic tasks": housekeeping}))


def due(name: str) -> None:
    Periodic.objects.filter(name=name).update(due_at=timezone.now() - timedelta(seconds=1))


def test_it_is_started_once_per_period_by_whichever_worker(db, monkeypatch, started) -> None:
    another_worker(monkeypatch)
    run_housekeeping()
    assert started == [], "the first time is a period after it was first known"
    due("test.daily")
    for _ in range(3):
        another_worker(monkeypatch)
        run_housekeeping()
    assert started == ["daily"]
    assert Periodic.objects.get().due_at > timezone.now() + DAY - timedelta(minutes=1)


def test_what_could_not_be_started_is_tried_again(db, monkeypatch, caplog) -> None:
    monkeypatch.setattr(periodic.connections, "close_all", lambda: None)  # the test's own is in use

    def broken() -> None:
        raise OSError("canary")

    tasks = registry_of({"test.broken": PeriodicTask(broken, every=DAY)})
    monkeypatch.setattr(periodic, "PERIODIC_TASKS", tasks)
    another_worker(monkeypatch)
    run_housekeeping()
    due("test.broken")
    another_worker(monkeypatch)
    run_housekeeping()
    assert "test.broken could not be started: OSError" in caplog.text and "canary" not in caplog.text
    assert Periodic.objects.get().due_at < timezone.now() + periodic.RETRY_AFTER


def test_workers_verify_and_archive_the_trail_every_day(db, monkeypatch) -> None:
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
