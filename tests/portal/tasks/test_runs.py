"""Runs: taken by one, kept by their lease, ended in words, and forgotten in time."""

import threading
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from portal.tasks import cancellation, recovery, services
from portal.tasks.models import State, TaskRun, Worker
from portal.tasks.recovery import recover_runs
from portal.tasks.registry import TASK_TYPES, TaskType
from portal.tasks.runner import attempt, discard_result
from portal.tasks.services import (
    AttemptStopped,
    Owner,
    TaskNotPossible,
    cancel_task,
    enqueue_task,
    report_progress,
    retry_task,
)
from provisioning.registry import UnknownNameError
from tests.background.kinds import counted, kinds_register
from tests.background.workers import until

ANA = Owner(7, "Ana Agent")
kinds_register()


def enqueued(kind="test.refused", owner=ANA, key="", **arguments):
    """One run in line."""
    return enqueue_task(kind=kind, title=f"Work of {kind}", owner=owner, arguments=arguments, key=key)


def counting(file, steps=3, pause=0.0, **values):
    """A run that writes into `file`."""
    return enqueued("test.count", file=str(file), steps=steps, pause=pause, **values)


def begun(file):
    """How often work began."""
    return Path(file).read_text().count("begin") if Path(file).exists() else 0


def silent(run):
    """As if the worker had been killed in the middle of it, a while ago."""
    past = timezone.now() - timedelta(minutes=2)
    TaskRun.objects.filter(pk=run.pk).update(
        state=State.RUNNING, claim=uuid.uuid4().hex, lease_until=past, attempts=run.attempts + 1
    )
    run.refresh_from_db()


def test_a_kind_that_is_not_registered_is_an_error(db):
    with pytest.raises(UnknownNameError):
        enqueued("test.nothing")
    assert not TaskRun.objects.exists()


def test_two_kinds_of_one_name_are_an_error():
    with pytest.raises(ValueError, match=r"“test\.count” is already registered in task types"):
        TASK_TYPES.register("test.count", TaskType(work=counted, permission="another"))


def test_a_run_is_done_once_however_often_it_is_handed_over(db, tmp_path):
    run = counting(tmp_path / "log")
    for _ in range(3):
        attempt(str(run.pk))
    run.refresh_from_db()
    assert begun(tmp_path / "log") == 1
    assert (run.state, run.message, run.attempts, run.claim) == (State.DONE, "counted", 1, "")
    assert run.owner_name == "Ana Agent" and run.finished_at and run.result_until > timezone.now()


def test_a_deleted_run_is_skipped(db):
    attempt(str(uuid.uuid4()))
    assert not TaskRun.objects.exists()


def test_of_one_key_there_is_one_open_run(db):
    first = enqueued(key="report-may")
    assert enqueued(key="report-may").pk == first.pk and enqueued(key="report-june").pk != first.pk
    attempt(str(first.pk))
    assert enqueued(key="report-may").pk != first.pk
    with pytest.raises(TaskNotPossible, match="already running or waiting"):
        retry_task(run=first)


def test_the_open_runs_of_an_owner_are_limited(db, monkeypatch):
    monkeypatch.setattr(services, "MAX_OPEN", 2)
    for _ in range(2):
        enqueued()
    with pytest.raises(TaskNotPossible, match="2 tasks running or waiting"):
        enqueued()
    assert enqueued(owner=Owner(8, "Max")).owner_id == 8


def test_an_internal_error_is_reported_without_its_text(db, caplog):
    run = enqueued("test.broken")
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.FAILED and "ValueError" in run.message and "canary" not in run.message
    assert "background work failed: test.broken" in caplog.text


def test_work_that_cannot_be_done_says_why(db):
    run = enqueued("test.refused")
    attempt(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.message) == (State.FAILED, "There is nothing to count.")


def test_a_kind_of_yesterday_fails_in_words(db):
    run = enqueued()
    TaskRun.objects.update(kind="gone.kind")
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.FAILED and "no longer exists" in run.message


def test_an_unknown_name_inside_of_the_work_is_an_internal_error(db, caplog):
    run = enqueued("test.mistaken")
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.FAILED and "internal error (UnknownNameError)" in run.message
    assert not discard_result(run), "nobody knows whether the result is gone"
    assert "could not be discarded: test.mistaken" in caplog.text


def test_work_that_takes_too_long_is_stopped_in_the_middle_of_a_wait(committed_db):
    run = enqueued("test.endless")
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.FAILED and "longer than 0.005 minutes" in run.message
    assert (run.finished_at - run.started_at).total_seconds() < 20


def test_waiting_work_that_is_stopped_never_begins(db, tmp_path):
    run = counting(tmp_path / "log")
    assert cancel_task(run=run) and not cancel_task(run=run)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.CANCELLED and begun(tmp_path / "log") == 0


def test_failed_and_stopped_work_starts_again_and_other_work_does_not(db, tmp_path):
    run = counting(tmp_path / "log")
    with pytest.raises(TaskNotPossible, match="failed or was stopped"):
        retry_task(run=run)
    cancel_task(run=run)
    retry_task(run=run)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.DONE and begun(tmp_path / "log") == 1


def test_running_work_stops_at_its_next_report_and_a_retry_waits_for_it(committed_db, tmp_path, monkeypatch):
    monkeypatch.setattr(services, "REPORT_STEP", 0.0)
    log = tmp_path / "log"
    run = counting(log, steps=6000, pause=0.02)
    working = threading.Thread(target=lambda: (attempt(str(run.pk)), connections.close_all()))
    working.start()
    until(lambda: begun(log))
    cancel_task(run=run)
    retry_task(run=run)
    TaskRun.objects.update(arguments={**run.arguments, "steps": 3})
    attempt(str(run.pk))  # another worker, at once: the first has not stopped yet, or has just stopped
    working.join(60)
    recover_runs()
    attempt(str(run.pk))
    run.refresh_from_db()
    lines = [line.split()[0] for line in log.read_text().splitlines()]
    assert not working.is_alive() and run.state == State.DONE and lines == ["begin", "begin", "end"]


def test_an_attempt_that_was_overtaken_changes_nothing_any_more(db, monkeypatch):
    run = enqueued()
    silent(run)
    late = TaskRun.objects.get(pk=run.pk)
    recover_runs()
    attempt(str(run.pk))  # fails in its own words
    with pytest.raises(AttemptStopped):
        report_progress(run=late, done=1, total=2)
    run.refresh_from_db()
    assert run.message == "There is nothing to count."


def test_a_lost_run_is_in_line_again_until_it_was_lost_too_often(db):
    run = enqueued()
    for lost in (1, 2, 3):
        silent(run)
        recover_runs()
        run.refresh_from_db()
        assert run.attempts == lost
        assert run.state == (State.WAITING if lost < 3 else State.FAILED)
    assert "interrupted 3 times" in run.message
    retry_task(run=run)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.attempts == 1


def test_a_stopping_worker_returns_its_run(db, tmp_path, monkeypatch):
    monkeypatch.setattr(cancellation, "_stopping", threading.Event())
    run = counting(tmp_path / "log")
    cancellation.stop_worker()
    attempt(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.attempts, run.claim) == (State.WAITING, 0, "")


def test_results_expire_and_old_runs_are_forgotten(db, tmp_path, monkeypatch):
    run = counting(tmp_path / "log")
    attempt(str(run.pk))
    TaskRun.objects.update(result_until=timezone.now() - timedelta(seconds=1))
    recover_runs()
    run.refresh_from_db()
    assert run.result == {} and "expired" in run.message and not (tmp_path / "log").exists()
    TaskRun.objects.update(created_at=timezone.now() - timedelta(days=31))
    waiting = enqueued()
    recover_runs()
    assert list(TaskRun.objects.all()) == [waiting]


def test_of_what_has_ended_a_bounded_number_is_kept(db, monkeypatch):
    monkeypatch.setattr(recovery, "MAX_KEPT", 2)
    for _ in range(4):
        attempt(str(enqueued().pk))
    newest = [run.pk for run in TaskRun.objects.filter(owner_id=ANA.id)[:2]]
    recover_runs()
    assert [run.pk for run in TaskRun.objects.filter(owner_id=ANA.id)] == newest


def test_a_worker_is_there_while_it_gives_signs_of_life(db):
    assert not recovery.is_worker_running()
    recovery.record_worker("one")
    assert recovery.is_worker_running()
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    assert not recovery.is_worker_running()
