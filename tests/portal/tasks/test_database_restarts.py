"""Workers survive a restart of the database and of Redis, and say what they work on and for whom."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from portal.core.logs import current_request_id
from portal.tasks.models import State, TaskRun, Worker
from portal.tasks.runner import attempt
from portal.tasks.services import Owner, enqueue_task
from tests.background.kinds import kinds_register
from tests.background.workers import Workers, redis_database, redis_emptied, until
from tests.running.production import production_environment
from tests.running.test_production import manage

ANA = Owner(7, "Ana Agent")
kinds_register()


@pytest.fixture(params=["database", "redis"])
def workers(request: pytest.FixtureRequest, committed_db: None, settings: Any) -> Iterator[Workers]:
    """Workers of one backend, whose connections carry a name of their own."""
    environment = {"TASKS_BACKEND": request.param, "LOG_LEVEL": "INFO"}
    if request.param == "redis":
        url = environment["REDIS_URL"] = redis_database() or pytest.skip("no Redis on 127.0.0.1:6379")
        settings.RQ_QUEUES = {"default": {"URL": url, "SERIALIZER": "rq.serializers.JSONSerializer"}}
        settings.TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
    started = Workers(**environment)
    yield started
    started.end()
    if "REDIS_URL" in environment:
        redis_emptied(environment["REDIS_URL"])


def counting(log: Path, steps: int = 1, pause: float = 0.0) -> TaskRun:
    """A run, put in line."""
    arguments = {"file": str(log), "steps": steps, "pause": pause}
    return enqueue_task(kind="test.count", title="Count", owner=ANA, arguments=arguments)


def is_done(run: TaskRun) -> bool:
    """Whether it ended well."""
    return TaskRun.objects.get(pk=run.pk).state == State.DONE


def sessions_terminated() -> int:
    """What a restart of PostgreSQL does to everybody else's connections; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


@pytest.mark.postgresql
def test_a_worker_goes_on_after_its_connections_were_ended(workers, tmp_path) -> None:
    workers.start()
    first = counting(tmp_path / "log")
    until(lambda: is_done(first))
    for _ in range(3):
        assert sessions_terminated() > 0
        run = counting(tmp_path / "log")
        until(lambda: is_done(run), seconds=15)  # noqa: B023 - called at once


@pytest.mark.postgresql
def test_work_that_a_restart_interrupted_is_done_again(workers, tmp_path) -> None:
    workers.start()
    run = counting(tmp_path / "log", steps=40, pause=0.1)
    until(lambda: TaskRun.objects.get(pk=run.pk).done > 1)
    sessions_terminated()
    until(lambda: is_done(run), seconds=40)
    assert TaskRun.objects.get(pk=run.pk).attempts == 2


def test_a_database_that_fails_during_work_ends_the_attempt_and_not_the_run(committed_db) -> None:
    run = enqueue_task(kind="test.lost", title="Lost", owner=ANA)
    for tries in (1, 2):
        attempt(str(run.pk))
        run.refresh_from_db()
        assert (run.state, run.claim, run.attempts) == (State.WAITING, "", tries)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.FAILED and "OperationalError" in run.message


def test_an_error_of_the_system_is_named_and_not_quoted(db) -> None:
    run = enqueue_task(kind="test.full", title="Full", owner=ANA)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert "OSError ENOSPC" in run.message and "canary" not in run.message


def test_the_worker_logs_under_the_request_that_started_the_work(workers, tmp_path) -> None:
    mark = current_request_id.set("feedfacecafebeef")
    try:
        run = counting(tmp_path / "log")
        broken = enqueue_task(kind="test.broken", title="Broken", owner=ANA)
    finally:
        current_request_id.reset(mark)
    worker = workers.start(stderr=subprocess.PIPE)
    until(lambda: is_done(run) and TaskRun.objects.get(pk=broken.pk).state == State.FAILED)
    worker.terminate()
    _, errors = worker.communicate(timeout=60)
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    about = {line["message"]: line for line in lines if line.get("run") == str(run.pk)}
    assert about["background work ended"]["request_id"] == "feedfacecafebeef"
    assert about["background work ended"]["state"] == "done"
    failed = next(line for line in lines if line["message"].startswith("background work failed"))
    assert failed["request_id"] == "feedfacecafebeef"
    assert failed["exception"][0]["kind"] == "builtins.ValueError"
    assert b"canary-secret" not in errors


def test_work_that_waits_for_minutes_is_a_warning(db, client) -> None:
    def warning() -> str:
        return client.get("/healthz/ready").json()["warnings"].get("background work", "")

    Worker.objects.create(name="alpha")
    run = enqueue_task(kind="test.count", title="Count", owner=ANA)
    assert warning() == ""
    TaskRun.objects.update(waiting_since=timezone.now() - timedelta(minutes=3))
    assert "waiting for 3 minutes although a worker is running" in warning()
    TaskRun.objects.filter(pk=run.pk).update(state=State.DONE)
    assert warning() == ""


def test_a_redis_that_is_away_is_a_warning(db, client, settings) -> None:
    settings.TASKS_BACKEND, settings.REDIS_URL = "redis", "redis://:canary@127.0.0.1:1/0"
    began = time.monotonic()
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200 and time.monotonic() - began < 2
    assert "Redis does not respond" in answer.json()["warnings"]["Redis"]
    assert "canary" not in answer.content.decode()


def test_a_worker_whose_tables_are_missing_says_so(tmp_path) -> None:
    environment = production_environment(tmp_path, TASKS_BACKEND="redis", REDIS_URL="redis://127.0.0.1:1/0")
    done = manage(environment, "tasks_work", "--batch")
    assert done.returncode == 1 and "manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["redis"], indirect=True)
def test_a_worker_waits_for_redis_and_logs_in_json(workers) -> None:
    workers.environment["REDIS_URL"] = "redis://:canary@127.0.0.1:1/0"
    worker = workers.start(stderr=subprocess.PIPE)
    until(Worker.objects.exists)
    time.sleep(1)
    assert worker.poll() is None
    worker.kill()
    lines = [json.loads(line) for line in worker.communicate(timeout=60)[1].decode().splitlines()]
    assert any("Redis" in line["message"] for line in lines)
    assert all("canary" not in json.dumps(line) for line in lines)
