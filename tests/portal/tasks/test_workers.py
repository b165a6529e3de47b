"""Real worker processes, on the database and on a real Redis: killed, told to end, and several at once."""

import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from portal.tasks.database import DatabaseWorker
from portal.tasks.dispatch import run_attempt
from portal.tasks.models import State, TaskRun
from portal.tasks.recovery import recover_runs
from portal.tasks.services import Owner, enqueue_task
from tests.background.kinds import kinds_register
from tests.background.workers import Workers, redis_database, redis_emptied, until

ANA = Owner(7, "Ana Agent")
kinds_register()


@pytest.fixture(params=["database", "redis"])
def workers(request: pytest.FixtureRequest, committed_db: None, settings: Any) -> Iterator[Workers]:
    """Workers of one backend, which this process hands its work to as well."""
    environment = {"TASKS_BACKEND": request.param}
    if request.param == "redis":
        url = environment["REDIS_URL"] = redis_database() or pytest.skip("no Redis on 127.0.0.1:6379")
        settings.RQ_QUEUES = {"default": {"URL": url, "SERIALIZER": "rq.serializers.JSONSerializer"}}
        settings.TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
    started = Workers(**environment)
    yield started
    started.end()
    if "REDIS_URL" in environment:
        redis_emptied(environment["REDIS_URL"])


def counting(log: Path, steps: int, pause: float) -> TaskRun:
    """A run, put in line."""
    arguments = {"file": str(log), "steps": steps, "pause": pause}
    return enqueue_task(kind="test.count", title="Count", owner=ANA, arguments=arguments)


def shortened(run: TaskRun) -> None:
    """Begun again it takes no time; what went before had to last until it was ended."""
    TaskRun.objects.filter(pk=run.pk).update(arguments={**run.arguments, "steps": 2})


def lines(log: Path) -> list[list[str]]:
    """What was written: ["begin" or "end", run, process]."""
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def state_of(run: TaskRun) -> str:
    """As it is now."""
    run.refresh_from_db()
    return run.state


def test_the_work_of_a_killed_worker_is_done_by_the_next_one(workers, tmp_path) -> None:
    log = tmp_path / "log"
    first = workers.start()
    run = counting(log, steps=600, pause=0.1)
    until(lambda: lines(log))
    first.send_signal(signal.SIGKILL)
    shortened(run)
    workers.start()
    until(lambda: state_of(run) == State.DONE)
    assert [word for word, *_ in lines(log)] == ["begin", "begin", "end"]
    assert lines(log)[0][2] != lines(log)[1][2] and run.attempts == 2


def test_a_stopping_worker_returns_its_run_at_once(workers, tmp_path) -> None:
    log = tmp_path / "log"
    first = workers.start()
    run = counting(log, steps=600, pause=0.1)
    until(lambda: lines(log))
    first.terminate()
    assert first.wait(timeout=60) == 0
    assert state_of(run) == State.WAITING and run.attempts == 0
    shortened(run)
    workers.start()
    until(lambda: state_of(run) == State.DONE)
    assert [word for word, *_ in lines(log)] == ["begin", "begin", "end"]


def test_two_workers_do_every_run_once_though_all_are_handed_over_twice(workers, tmp_path) -> None:
    log = tmp_path / "log"
    pair = [("test.met", {"file": str(log)})] * 2  # neither ends before both processes work
    rest = [("test.count", {"file": str(log), "steps": 2, "pause": 0.01})] * 19
    for number, (kind, arguments) in enumerate(pair + rest):
        run = enqueue_task(kind=kind, title="Work", owner=Owner(number % 3, "Ana"), arguments=arguments)
        run_attempt.enqueue(str(run.pk))
        run_attempt.enqueue(str(run.pk))
    both = [workers.start(), workers.start()]
    until(lambda: not TaskRun.objects.exclude(state=State.DONE).exists())
    begun = Counter(run for word, run, _ in lines(log) if word == "begin")
    assert len(begun) == 21 and set(begun.values()) == {1}
    assert {process for _, _, process in lines(log)} == {str(worker.pid) for worker in both}
    assert not _overlapping(log)
    for idle in both:
        idle.terminate()
    assert [worker.wait(timeout=60) for worker in both] == [0, 0]


def test_a_redis_that_is_away_delays_the_work_and_not_who_asks_for_it(
    committed_db, settings, tmp_path
) -> None:
    settings.RQ_QUEUES = {"default": {"URL": "redis://127.0.0.1:1/0?socket_connect_timeout=3"}}
    settings.TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
    began = time.monotonic()
    run = counting(tmp_path / "log", steps=1, pause=0)
    assert time.monotonic() - began < 10
    run.refresh_from_db()
    assert (run.state, run.dispatched_at) == (State.WAITING, None)
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    recover_runs()
    run.refresh_from_db()
    assert run.dispatched_at


@pytest.mark.sqlite
def test_a_database_that_is_locked_for_too_long_does_not_end_the_worker(committed_db) -> None:
    """What holds it is another connection to the same file; the worker waits 50 ms where it has 30 s."""
    worker = DatabaseWorker.made("patient", batch=False)
    with closing(sqlite3.connect(connection.settings_dict["NAME"], check_same_thread=False)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")
        release = threading.Timer(0.5, holder.rollback)
        stop = threading.Timer(2.0, lambda: setattr(worker, "running", False))
        release.start()
        stop.start()
        worker.work_on()
    assert not worker.running


def _overlapping(log: Path) -> list[str]:
    """Runs that began while they were being worked on."""
    open_runs: set[str] = set()
    found = []
    for word, run, _ in lines(log):
        if word == "begin" and run in open_runs:
            found.append(run)
        (open_runs.add if word == "begin" else open_runs.discard)(run)
    return found
