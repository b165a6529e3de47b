"""Starts `manage.py tasks_work` processes on the test's database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import quote

import redis
from django.db import connection

from portal.tasks.models import State, TaskRun
from portal.tasks.runner import attempt
from tests.checks.tree import CHECKOUT

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
_CLAIM = "portal-tests"


class Workers:
    """Worker processes of one test; `environment` is what they get on top of the test run's own."""

    def __init__(self, **environment: str) -> None:
        self.environment = environment
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, stderr: int | None = None) -> subprocess.Popen[bytes]:
        """One more; with `stderr=PIPE` its log can be read when it has ended."""
        environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "tests.background.settings",
            "DATABASE_URL": database_url(), "TASK_LEASE_SECONDS": "5", **self.environment,
        }  # fmt: skip
        command = [sys.executable, "-m", "django", "tasks_work"]
        self.processes.append(subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=stderr))
        return self.processes[-1]

    def end(self) -> None:
        """All of them, however they feel about it."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)


def worked_off() -> None:
    """What a worker would do with all that waits, here and now."""
    for run in TaskRun.objects.filter(state=State.WAITING):
        attempt(str(run.pk))


def database_url() -> str:
    """The test database, for another process."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    user, password = quote(known["USER"], safe=""), quote(known["PASSWORD"] or "", safe="")
    host = known.get("OPTIONS", {}).get("host") or known["HOST"]
    port = known.get("OPTIONS", {}).get("port") or known["PORT"] or "5432"
    return f"postgres://{user}:{password}@/{known['NAME']}?host={quote(host, safe='')}&port={port}"


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for it; AssertionError after the time."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


def redis_database() -> str | None:
    """The address of an empty database of the Redis server, kept for this test; None where none answers."""
    for number in range(1, 16):
        client = redis.Redis.from_url(f"{REDIS}/{number}", socket_connect_timeout=30)
        try:
            if not client.dbsize() and client.set(_CLAIM, os.getpid(), nx=True, ex=300):
                return f"{REDIS}/{number}"
        except redis.RedisError:
            return None
    return None


def redis_emptied(url: str) -> None:
    """Gives it back."""
    redis.Redis.from_url(url).flushdb()
