"""While the database is away, locked or silent: probes answer, pages say so in words, processes end."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.conf import settings as configured
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client

from portal.core.errors import is_database_trouble
from portal.tasks.models import Worker
from tests.background.frozen import FrozenDatabase
from tests.background.workers import Workers, database_url, until
from tests.checks.tree import CHECKOUT
from tests.registries import registry_of
from tests.running.demo import free_port
from tests.running.production import production_environment
from tests.running.test_production import ready, served

PAGES = ["/", "/accounts/login/", "/changes/", "/audit/", "/sandbox/merchants/", "/no/such/page/"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("table", ["django_session", "staff_user"])
@pytest.mark.django_db
def test_every_page_is_a_503_in_words(client_of, agent, page: str, table: str) -> None:
    client = client_of(agent)
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
    answer = client.get(page)
    assert answer.status_code == 503, page
    assert int(answer.headers["Retry-After"]) > 0
    words = answer.content.decode()
    assert "cannot reach its database" in words and "check Changes" in words
    assert "nothing was sent" not in words.lower(), "it cannot know"
    assert answer.headers["X-Request-Id"] in words
    assert client.get("/healthz/live").json() == {"status": "alive"}


@pytest.mark.django_db
def test_a_sign_in_that_the_database_does_not_take_is_a_503_in_words() -> None:
    client = Client(raise_request_exception=False)
    client.get("/accounts/login/")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE staff_user RENAME TO gone")
    answer = client.post("/accounts/login/", {"login": "ana", "password": "four quiet herons"})
    assert answer.status_code == 503 and "Retry-After" in answer.headers


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OperationalError(), True),
        (InterfaceError(), True),
        (DatabaseError(), True),
        (IntegrityError(), False),
        (ValueError(), False),
        (None, False),
    ],
)
def test_a_value_that_the_database_refuses_is_a_mistake_of_the_portal(error, trouble: bool) -> None:
    assert is_database_trouble(error) is trouble


@pytest.mark.parametrize("host", ["10.42.8.201:8000", "[fd00::7]", "pod.cluster.local", "a b"])
@pytest.mark.django_db
def test_probes_answer_under_any_name_and_pages_do_not(client: Client, caplog, settings, host: str) -> None:
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    for probe in ("/healthz/live", "/healthz/ready"):
        assert client.get(probe, headers={"host": host}).status_code == 200
        assert client.head(probe, headers={"host": host}).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert client.get("/accounts/login/", headers={"host": host}).status_code == 400


def test_live_asks_for_neither_session_nor_database(client: Client, settings) -> None:
    """No fixture opens the database here: a query would fail."""
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    assert client.get("/healthz/live").json() == {"status": "alive"}


@pytest.mark.django_db
def test_changes_of_the_verdict_are_logged_once(client: Client, caplog, monkeypatch) -> None:
    from portal.core import health, shared_state

    def away() -> None:
        raise ConnectionError("host=db password=CANARY")

    shared_state.replace_verdict(bytes(16))
    caplog.set_level("INFO", "portal.core.health")

    def logged() -> list[str]:
        found = [each.getMessage() for each in caplog.records if each.name == "portal.core.health"]
        caplog.clear()
        return found

    monkeypatch.setattr(health, "WARNINGS", registry_of({}))
    for _ in range(2):
        client.get("/healthz/ready")
    assert logged() == []
    monkeypatch.setattr(health, "WARNINGS", registry_of({"Redis": away}))
    for _ in range(2):
        client.get("/healthz/ready", REMOTE_ADDR="203.0.113.9")
    assert logged() == ["ready, with warnings: Redis: failed (ConnectionError)"]
    monkeypatch.setattr(health, "CHECKS", registry_of({"disk": away}, health.CHECKS))
    for _ in range(2):
        client.get("/healthz/ready")
    assert logged() == ["ready answers 503: disk: failed (ConnectionError)"]
    monkeypatch.undo()
    monkeypatch.setattr(health, "WARNINGS", registry_of({}))
    client.get("/healthz/ready")
    assert logged() == ["ready, without warnings"]


def test_a_check_that_hangs_delays_no_answer(committed_db, client: Client, monkeypatch) -> None:
    from portal.core import health

    monkeypatch.setattr(health, "CHECKS", registry_of({"slow": lambda: time.sleep(3)}, health.CHECKS))
    began = time.monotonic()
    answers = [client.get("/healthz/ready") for _ in range(4)]
    assert time.monotonic() - began < 2.5, "those who come later do not wait anew"
    assert {answer.status_code for answer in answers} == {503}
    assert "no answer" in answers[0].json()["checks"]["slow"]
    until(lambda: client.get("/healthz/ready").json()["checks"]["slow"] == "ok", seconds=10)
    monkeypatch.undo()
    monkeypatch.setattr(health, "WARNINGS", registry_of({"slow": lambda: time.sleep(3)}, health.WARNINGS))

    def warned() -> bool:
        answer = client.get("/healthz/ready")
        assert answer.status_code == 200, "a warning that hangs is none of the checks"
        return "no answer" in answer.json()["warnings"].get("slow", "")

    until(warned, seconds=10)
    time.sleep(2)


SHOW = """
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "idle_in_transaction_session_timeout", "application_name"):
        cursor.execute("SHOW " + name)
        print(cursor.fetchone()[0])
"""


@pytest.mark.postgresql
def test_pages_have_limits_that_long_work_has_not(committed_db, tmp_path) -> None:
    environment = production_environment(tmp_path, DATABASE_URL=database_url())

    def shown(*command: str) -> list[str]:
        made = subprocess.run(
            [sys.executable, *command],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return made.stdout.split("\n")[:3]

    assert shown("-c", "import portal.wsgi\n" + SHOW) == ["15s", "1min", "portal web"]
    assert shown("manage.py", "shell", "--verbosity", "0", "-c", SHOW) == ["0", "0", "portal shell"]


@pytest.fixture
def frozen(committed_db) -> Iterator[FrozenDatabase]:
    """A way to the test database that can stop answering."""
    way = FrozenDatabase()
    yield way
    way.close()


@pytest.mark.postgresql
def test_a_silent_database_stops_neither_probes_nor_the_end(frozen, tmp_path, client_of, agent) -> None:
    environment = production_environment(
        tmp_path,
        PORTAL_ENV="test",  # pages without collected static files
        PORTAL_BIND=f"127.0.0.1:{free_port()}",
        DATABASE_URL=frozen.url,
        SECRET_KEY=configured.SECRET_KEY,
        WEB_WORKERS="1",
        WEB_THREADS="4",
        GUNICORN_CMD_ARGS="--graceful-timeout 3",
    )
    cookie = client_of(agent).cookies[configured.SESSION_COOKIE_NAME].value
    signed_in = {"Cookie": f"portal-session={cookie}"}
    process = served(environment)
    address = "http://" + environment["PORTAL_BIND"]
    try:
        ready(address, process)
        assert requests.get(address + "/", headers=signed_in, timeout=30).ok
        assert _connected("portal web")
        frozen.freeze()
        with ThreadPoolExecutor(16) as pool:
            pages = [pool.submit(_page, address, signed_in) for _ in range(8)]
            time.sleep(0.5)
            began = time.monotonic()
            for _ in range(5):
                assert _timed(address + "/healthz/live", signed_in) == (200, True)
                assert _timed(address + "/healthz/ready", signed_in) == (503, True)
            assert time.monotonic() - began < 10
            process.send_signal(signal.SIGTERM)
            stopped = time.monotonic()
            assert process.wait(timeout=40) is not None
            assert time.monotonic() - stopped < 9
            assert {page.result() for page in pages} <= {503, None}
    finally:
        process.kill()
        process.wait()


@pytest.mark.postgresql
def test_an_idle_worker_ends_although_the_database_is_silent(frozen) -> None:
    workers = Workers(DATABASE_URL=frozen.url)
    try:
        worker = workers.start()
        until(Worker.objects.exists)
        assert _connected("portal command")
        time.sleep(1)
        frozen.freeze()
        time.sleep(1.5)
        worker.terminate()
        began = time.monotonic()
        assert worker.wait(timeout=30) == 0
        assert time.monotonic() - began < 9.5, "connect_timeout and the farewell"
    finally:
        workers.end()


@pytest.mark.postgresql
def test_a_command_says_in_one_line_that_the_database_does_not_answer(frozen, tmp_path) -> None:
    frozen.freeze()
    environment = production_environment(tmp_path, DATABASE_URL=f"{frozen.url}&connect_timeout=2")
    command = [sys.executable, "manage.py", "tasks_work", "--batch"]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert time.monotonic() - began < 20
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(link["kind"].endswith("OperationalError") for link in lines[-1]["exception"])
    assert "timeout" not in done.stderr, "kinds and places, no texts"


def _page(address: str, headers: dict[str, str]) -> int | None:
    try:
        return requests.get(address + "/", headers=headers, timeout=60).status_code
    except requests.RequestException:
        return None


def _timed(address: str, headers: dict[str, str]) -> tuple[int, bool]:
    began = time.monotonic()
    return requests.get(address, headers=headers, timeout=10).status_code, time.monotonic() - began < 2


def _connected(application: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [application])
        return bool(cursor.fetchone()[0])
