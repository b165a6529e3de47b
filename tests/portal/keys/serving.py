"""Gunicorn on the test database, with keys of its own: what a restart with other keys does to people."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection

from tests.checks.tree import CHECKOUT


def environment(keys: str, **others: str) -> dict[str, str]:
    """The tests' own settings, for a process on the same database."""
    ours = connection.settings_dict
    url = f"sqlite:///{ours['NAME']}"
    if connection.vendor == "postgresql":
        login = quote(ours["USER"]) + (f":{quote(ours['PASSWORD'])}" if ours["PASSWORD"] else "")
        host = quote(ours["HOST"] or ours["OPTIONS"].get("host", ""), safe="")
        url = f"postgres://{login}@/{ours['NAME']}?host={host}&port={ours['PORT'] or 5432}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": url,
        "SECRET_KEY": settings.SECRET_KEY,
        "PORTAL_AUDIT_KEYS": settings.PORTAL_AUDIT_KEYS,
        "PORTAL_ENCRYPTION_KEYS": keys,
        "WEB_LOG_LEVEL": "warning",
        **others,
    }


def manage(keys: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=CHECKOUT, env=environment(keys), capture_output=True, text=True, check=False
    )


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket that outlives the processes that serve it: during a restart, requests wait in its queue."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener


def served(listener: socket.socket, keys: str, **others: str) -> subprocess.Popen[str]:
    """The portal on that socket, with these keys."""
    bind = f"fd://{listener.fileno()}"
    return subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:portal.serving", "portal.wsgi"],
        cwd=CHECKOUT,
        env=environment(keys, **{"PORTAL_BIND": bind, "WEB_WORKERS": "2", "WEB_THREADS": "4"} | others),
        pass_fds=[listener.fileno()],
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(url: str, process: subprocess.Popen[str]) -> None:
    """Waits for the first answer."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        try:
            assert requests.get(f"{url}/healthz/live", timeout=60).status_code == 200
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(process.stderr.read() if process.poll() is not None else "not ready in time")
