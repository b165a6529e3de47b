"""Leases are claimed by one process at a time, and heartbeats go on after a failure."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from portal.core.leases import Heartbeat, Lease, get_running_processes, record_process
from portal.tasks.models import State, TaskRun, Worker

LEASE = Lease("claim", "lease_until")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def row(db):
    run = TaskRun.objects.create(kind="test.count", title="Count", owner_name="Ana Agent")
    return TaskRun.objects.filter(pk=run.pk)


def test_a_lease_is_claimed_once_until_its_time_is_over(row) -> None:
    assert LEASE.claim(row, "one", lasts=MINUTE, state=State.RUNNING)
    assert not LEASE.claim(row, "two", lasts=MINUTE)
    assert not LEASE.claim(row, "one", lasts=MINUTE), "its own lease is not free either"
    row.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert LEASE.claim(row, "two", lasts=MINUTE)
    assert row.get().claim == "two" and row.get().state == State.RUNNING


def test_who_lost_the_lease_neither_extends_nor_releases_it(row) -> None:
    LEASE.claim(row, "one", lasts=-MINUTE)
    LEASE.claim(row, "two", lasts=MINUTE)
    until = row.get().lease_until
    assert not LEASE.extend(row, "one", lasts=2 * MINUTE, message="late")
    assert not LEASE.release(row, "one", message="late")
    assert (row.get().claim, row.get().lease_until, row.get().message) == ("two", until, "")


def test_a_lease_that_is_extended_lasts_longer_and_a_released_one_is_free(row) -> None:
    LEASE.claim(row, "one", lasts=MINUTE)
    assert LEASE.extend(row, "one", lasts=10 * MINUTE, message="on it")
    assert row.get().lease_until > timezone.now() + 9 * MINUTE and row.get().message == "on it"
    assert LEASE.release(row, "one")
    assert (row.get().claim, row.get().lease_until) == ("", None)
    assert LEASE.claim(row, "two", lasts=MINUTE)


def test_of_many_at_once_one_gets_the_lease(transactional_db) -> None:
    run = TaskRun.objects.create(kind="test.count", title="Count", owner_name="Ana Agent")
    start = threading.Barrier(6)

    def claim(number: int) -> bool:
        start.wait()
        try:
            return LEASE.claim(TaskRun.objects.filter(pk=run.pk), str(number), lasts=MINUTE)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        won = [number for number, claimed in enumerate(threads.map(claim, range(6))) if claimed]
    assert [str(number) for number in won] == [TaskRun.objects.get(pk=run.pk).claim]


def test_a_heartbeat_goes_on_after_a_failure_and_ends_when_it_is_stopped(caplog) -> None:
    beats, third = [], threading.Event()

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) == 1:
            raise OSError("secret address")
        if len(beats) == 3:
            third.set()

    heartbeat = Heartbeat("test", beat, every=0.01, failure="a beat failed")
    heartbeat.start()
    assert third.wait(10)
    heartbeat.stop()
    ended = len(beats)
    assert "a beat failed: OSError" in caplog.text and "secret" not in caplog.text
    assert not threading.Event().wait(0.05) and len(beats) == ended


def test_processes_not_seen_for_a_day_are_forgotten(db) -> None:
    record_process(Worker, "gone")
    Worker.objects.update(seen_at=timezone.now() - timedelta(days=2))
    record_process(Worker, "here")
    record_process(Worker, "here")
    assert [worker.name for worker in Worker.objects.all()] == ["here"]
    assert get_running_processes(Worker.objects.all(), seen_within=MINUTE).exists()
    Worker.objects.update(seen_at=timezone.now() - 2 * MINUTE)
    assert not get_running_processes(Worker.objects.all(), seen_within=MINUTE).exists()
