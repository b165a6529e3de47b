"""`make run`: what it makes, that it comes back with its data, and that nothing stays behind."""

import os
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.checks.tree import CHECKOUT
from tests.running.demo import Demo, demo_environment, demo_started, free_port

PASSPHRASE = "demo passphrase 'with' #odd $signs"


def rows(data: Path, query: str) -> list[tuple]:
    """What the portal's database answers."""
    with closing(sqlite3.connect(data / "portal.sqlite3")) as database:
        return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder that the demos of this module share; it does not exist at first."""
    return tmp_path_factory.mktemp("demo") / "var"


@pytest.fixture(scope="module")
def runs() -> Iterator[list[Demo]]:
    """The first `make run`, and others where a test ended it before another wanted it."""
    started: list[Demo] = []
    yield started
    for run in reversed(started):
        ended(run)


@pytest.fixture
def demo(runs: list[Demo], data: Path) -> Demo:
    """A running demo."""
    if not runs or runs[-1].process.poll() is not None:
        runs.append(demo_started(data, PORTAL_DEMO_PASSPHRASE=PASSPHRASE))
    return runs[-1]


@pytest.fixture
def left(runs: list[Demo], data: Path) -> Path:
    """The data folder of a demo that has ended."""
    if not runs:
        runs.append(demo_started(data, PORTAL_DEMO_PASSPHRASE=PASSPHRASE))
    ended(runs[-1])
    return data


def ended(demo: Demo) -> None:
    """Ctrl-C, unless it has ended already."""
    if demo.process.poll() is None:
        assert demo.end() in {0, 2, 130, -signal.SIGINT}
    assert demo.all_gone()


def test_the_first_run_prints_all_that_a_newcomer_needs(demo) -> None:
    printed = demo.log.read_text()
    for text in (demo.url, "agent, manager, admin", PASSPHRASE, f"http://127.0.0.1:{demo.sandbox_port}/"):
        assert text in printed


def test_the_portal_is_ready_and_everything_lies_in_the_data_folder(demo) -> None:
    assert requests.get(f"{demo.url}/healthz/ready", timeout=30).status_code == 200
    assert {"portal.sqlite3", "sandbox.sqlite3", "portal.env"} <= {path.name for path in demo.data.iterdir()}
    for path in (demo.data / "portal.env", demo.data / "portal.sqlite3"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.data.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["agent", "manager", "admin"])
def test_each_person_signs_in_with_the_passphrase(demo, name) -> None:
    session = demo.signed_in(name, PASSPHRASE)
    home = session.get(f"{demo.url}/", timeout=30)
    assert home.status_code == 200
    assert not home.url.endswith("/accounts/login/?next=/")


def test_the_key_works_and_no_password_is_stored_in_plain_text(demo) -> None:
    page = demo.signed_in("admin", PASSPHRASE).get(f"{demo.url}/connections/sandbox/", timeout=30)
    assert f"http://127.0.0.1:{demo.sandbox_port}/api/provisioning" in page.text
    ((sealed, tenant),) = rows(
        demo.data,
        "SELECT sealed_password, tenant_guid FROM connections_credential c "
        "JOIN connections_connection n ON n.id = c.connection_id WHERE state = 'active'",
    )
    assert sealed.startswith("v1.demo-1.")
    assert tenant.startswith("TE-")
    assert 'password":' not in demo.log.read_text()


def test_a_killed_worker_is_started_again_and_the_portal_goes_on(demo) -> None:
    [killed], portal = demo.pids("tasks_work"), demo.workers()
    os.kill(killed, signal.SIGKILL)
    limit = time.monotonic() + 120
    while demo.pids("tasks_work") in ([], [killed]):
        assert time.monotonic() < limit and demo.process.poll() is None, demo.log.read_text()
        time.sleep(0.1)
    assert requests.get(f"{demo.url}/healthz/ready", timeout=30).status_code == 200
    assert demo.workers() == portal
    assert "The worker ended by itself (exit code -9); it starts again in 1 s." in demo.log.read_text()


def test_a_second_run_keeps_the_data_and_follows_a_changed_port(left) -> None:
    before = rows(left, "SELECT id, sealed_password FROM connections_credential")
    again = demo_started(left)
    try:
        assert rows(left, "SELECT id, sealed_password FROM connections_credential") == before
        assert rows(left, "SELECT base_url FROM connections_connection") == [
            (f"http://127.0.0.1:{again.sandbox_port}/api/provisioning",)
        ]
        assert again.signed_in("agent", PASSPHRASE).get(f"{again.url}/", timeout=30).status_code == 200
    finally:
        again.end()
    assert again.all_gone()


def test_a_lost_gateway_database_is_created_again_with_a_new_key(left) -> None:
    before = rows(left, "SELECT max(version) FROM connections_credential")
    for path in left.glob("sandbox.sqlite3*"):
        path.unlink()
    again = demo_started(left)
    try:
        assert rows(left, "SELECT max(version) FROM connections_credential") == [(before[0][0] + 1,)]
    finally:
        again.end()


@pytest.mark.parametrize("who", ["terminated", "killed", "a child died"])
def test_however_it_ends_nothing_stays_behind(left, who) -> None:
    running = demo_started(left)
    assert len(running.children()) >= 4
    if who == "a child died":
        os.kill(running.pids("sandbox_serve")[0], signal.SIGKILL)
        assert running.process.wait(timeout=120) != 0
        assert "ended by itself" in running.log.read_text()
    else:
        os.kill(running.supervisor(), signal.SIGTERM if who == "terminated" else signal.SIGKILL)
        running.process.wait(timeout=120)
    assert running.all_gone()


def refused(data: Path, **settings: str) -> str:
    """What `manage.py demo` says when it does not start."""
    command = [str(CHECKOUT / ".venv/bin/python"), "manage.py", "demo"]
    environment = demo_environment(data, **settings)
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode != 0
    return done.stderr


def test_a_taken_port_is_said_before_anything_is_made(tmp_path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(tmp_path / "var", PORT=str(taken.getsockname()[1]), SANDBOX_PORT=str(free_port()))
    assert "is taken" in said
    assert not (tmp_path / "var" / "portal.sqlite3").exists()


@pytest.mark.parametrize("port", ["zero", "0", "70000", "²"])
def test_a_port_that_is_none_is_refused_in_words(tmp_path, port) -> None:
    assert "must be a port number" in refused(tmp_path / "var", PORT=port)


def test_a_demo_keeps_away_from_a_production_portal(tmp_path) -> None:
    from tests.running.production import production_environment

    settings = production_environment(tmp_path)
    assert "configured for production" in refused(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_keys_that_others_can_read_are_not_used(tmp_path) -> None:
    (tmp_path / "portal.env").write_text("PORTAL_ENV=demo\n")
    (tmp_path / "portal.env").chmod(0o644)
    assert "readable by its owner only" in refused(tmp_path)
