"""kill -9 in the middle of a write: the intent survives, the outcome is unknown, nothing is sent twice."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.db import connection as database

from tests.portal.changes.relay import Relay

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def own_database(tmp_path, db):
    """Return the DATABASE_URL of an empty database of the engine that the tests use."""
    if database.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'crash.sqlite3'}"
        return
    name = f"portal_crash_{os.getpid()}"
    url = os.environ["DATABASE_URL"]
    with database._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    base, _, query = url.partition("?")
    yield base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with database._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def crash_target(own_database, gateway):
    """Run or start crash_target.py on that database, through a relay."""
    host, port = gateway.root_url.removeprefix("http://").split(":")
    relay = Relay(host, int(port))
    base_url = gateway.base_url.replace(f":{port}", f":{relay.port}")
    # If it is killed while it writes coverage data, it leaves an unreadable file.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**kept, "DATABASE_URL": own_database, "PYTHONPATH": str(CHECKOUT)}

    def start(*arguments):
        command = [sys.executable, str(Path(__file__).with_name("crash_target.py")), *arguments]
        return subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)

    def run(*arguments):
        process = start(*arguments)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        return out

    run("setup", base_url, gateway.own_tenant, gateway.api_key, gateway.password)
    start.run, start.relay = run, relay
    yield start
    relay.close()


def test_killed_while_the_gateway_hangs(crash_target, gateway, fault_at):
    fault_at("hang=10")
    submission = str(uuid.uuid4())
    process = crash_target("send", gateway.own_tenant, submission)
    assert process.stdout.readline() == "ready\n"
    waited = time.monotonic() + 60
    while crash_target.relay.writes == 0 and time.monotonic() < waited:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    seen = json.loads(crash_target.run("settle"))
    assert seen == {"changes": {submission: "unknown"}, "intents": 1}
    crash_target.run("send", gateway.own_tenant, submission)
    assert crash_target.relay.writes == 1


def test_killed_at_any_moment_no_request_without_intent_and_none_twice(crash_target, gateway, fault_at):
    """Kill at moments from before the intent to after the outcome."""
    for delay in (0.0, 0.02, 0.05, 0.1, 0.25, 0.5):
        fault_at("latency=0.2")
        submission = str(uuid.uuid4())
        before = crash_target.relay.writes
        process = crash_target("send", gateway.own_tenant, submission)
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.1)
        seen = json.loads(crash_target.run("settle"))
        sent = crash_target.relay.writes - before
        assert sent <= 1
        assert sent == 0 or submission in seen["changes"]
        assert crash_target.relay.writes <= seen["intents"]
        assert set(seen["changes"].values()) <= {"prepared", "not_sent", "unknown", "accepted"}
        assert sent == 0 or seen["changes"][submission] in {"unknown", "accepted"}


@pytest.fixture
def fault_at(gateway):
    """Set a fault for the next create."""
    import requests

    def arm(kind):
        order = {"fault": kind, "operation": "createMerchant", "requests": 1}
        requests.post(f"{gateway.root_url}/sandbox/faults", json=order, timeout=30).raise_for_status()

    yield arm
    requests.delete(f"{gateway.root_url}/sandbox/faults", timeout=30)
