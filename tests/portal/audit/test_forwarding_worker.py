"""`manage.py audit_stream` as a process: told while it runs, ended politely, killed without a loss."""

import json
import os
import signal
import subprocess
import sys

import pytest

from portal.audit.models import Delivery
from portal.audit.recording import get_system_origin, record_event
from tests.background.workers import database_url, until
from tests.checks.tree import CHECKOUT


@pytest.fixture
def worker(committed_db, tmp_path):
    """Starts workers that tell a file; ends them."""
    started = []

    def start():
        environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url(),
            "AUDIT_FORWARD_TO": f"file:{tmp_path / 'siem.jsonl'}",
        }  # fmt: skip
        command = [sys.executable, "-m", "django", "audit_stream"]
        started.append(subprocess.Popen(command, cwd=CHECKOUT, env=environment))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)


def test_a_worker_tells_what_happens_and_nothing_is_lost_when_it_is_killed(worker, tmp_path):
    def record():
        record_event(action="session.signed_in", origin=get_system_origin("x"))

    def told(count):
        file = tmp_path / "siem.jsonl"
        return file.exists() and len(set(numbers(file))) == count

    record()
    killed = worker()
    until(lambda: told(1))
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=30)
    record()
    record()
    # As after its lease, for which nobody wants to wait here.
    Delivery.objects.update(held_until=None)
    ended = worker()
    until(lambda: told(3))
    ended.send_signal(signal.SIGTERM)
    assert ended.wait(timeout=30) == 0
    assert numbers(tmp_path / "siem.jsonl") == sorted(numbers(tmp_path / "siem.jsonl"))


def numbers(file):
    """The rows in the file."""
    return [json.loads(line)["sequence"] for line in file.read_text().splitlines()]
