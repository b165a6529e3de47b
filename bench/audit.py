"""The explorer over a long invented trail behind gunicorn, on SQLite and, where one answers, PostgreSQL."""

import base64
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bench.figures import report, spread
from bench.load import Browser
from bench.stack import ROOT, port_free
from tests.suite import postgresql_url

EVENTS = int(os.environ.get("BENCH_AUDIT_EVENTS", "100000"))
READS = 60
PASSWORD = "demo-" + secrets.token_hex(12)
# A manager; what the pages below ask for is named by portal.audit.seeding.
_PERSON = """
from django.contrib.auth.models import Group
from portal.staff.models import User
made = User.objects.create_user(username="bench", password={password!r}, first_name="Bench")
made.groups.add(Group.objects.get(name="Manager"))
"""


def audit_measure() -> None:
    """Prints a paragraph per database."""
    _measured("SQLite", "", "each p95 ≤ 150 ms")
    server = postgresql_url()
    if server is None:
        print("Audit trail on PostgreSQL: SKIPPED, none answers\n")
        return
    name = f"portal_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server.replace("/portal?", "/postgres?"), autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name}")
        try:
            promise = "each p50 ≤ 25 ms and p95 ≤ 60 ms"
            _measured("PostgreSQL", server.replace("/portal?", f"/{name}?"), promise)
        finally:
            owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _measured(title: str, database: str, promise: str) -> None:
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        environment = _environment(folder, database)
        started = time.perf_counter()
        _manage(environment, "migrate", "-v0")
        _manage(environment, "audit_seed", "--events", str(EVENTS))
        _manage(environment, "shell", "-c", _PERSON.format(password=PASSWORD))
        seeding = time.perf_counter() - started
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:portal.serving", "portal.wsgi"],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            figures = _pages_read(f"http://{environment['PORTAL_BIND']}")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)
    report(
        f"Audit trail of {EVENTS:,} events on {title}",
        "\n            ".join(figures),
        promise,
        f"{READS} GETs of each page on one connection, gunicorn 2 × 4; seeded in {seeding:.0f} s",
    )


def _pages_read(base: str) -> list[str]:
    browser = Browser(base)
    for _ in range(100):
        with suppress(OSError):
            browser.get("/healthz/live")
            break
        browser = Browser(base)
        time.sleep(0.2)
    browser.sign_in("bench", PASSWORD)
    figures = []
    for name, path in _pages().items():
        answers = [browser.get(path) for _ in range(READS)]
        if {answer.status for answer in answers} != {200}:
            raise RuntimeError(f"{path} did not answer 200")
        figures.append(f"{name:12} {spread([answer.milliseconds for answer in answers])}")
    return figures


def _pages() -> dict[str, str]:
    """The promised views of the trail."""
    month = datetime.now(UTC) - timedelta(days=120)
    return {
        "newest": "/audit/",
        "deep": f"/audit/?before={max(EVENTS - 5000 * 50, EVENTS // 2)}",
        "by actor": "/audit/?actor=Person+07",
        "by object": "/audit/?object=ME-SEED-0007",
        "by month": f"/audit/?from={month:%Y-%m-%d}&to={month + timedelta(days=30):%Y-%m-%d}",
        "rare word": "/audit/?words=zanzibar",
        "common word": "/audit/?words=review",
    }


def _environment(folder: str, database: str) -> dict[str, str]:
    key = "demo-1:" + base64.b64encode(secrets.token_bytes(32)).decode()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_ENV": "test", "PORTAL_DATA_DIR": folder,
        "PORTAL_ENV_FILE": str(Path(folder) / "none"), "SECRET_KEY": secrets.token_hex(32),
        "PORTAL_ENCRYPTION_KEYS": key, "PORTAL_AUDIT_KEYS": key, "PORTAL_BIND": f"127.0.0.1:{port_free()}",
        "DATABASE_URL": database,
    }  # fmt: skip
    if not database:
        del environment["DATABASE_URL"]
    return environment


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    audit_measure()
