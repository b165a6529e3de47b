"""A portal with a long invented audit trail, served by gunicorn as in production, on SQLite or PostgreSQL."""

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.load import Browser
from bench.stack import ROOT, memory_of, port_free
from tests.suite import postgresql_url

PASSWORD = "demo-" + secrets.token_hex(12)
_KEPT = "portal_bench_audit"
# Creates a manager, or sets a new password if the manager exists.
_PERSON = """
from django.contrib.auth.models import Group
from portal.staff.models import User
made, _ = User.objects.get_or_create(username="bench", defaults={{"first_name": "Bench"}})
made.set_password({password!r})
made.save()
made.groups.add(Group.objects.get(name="Manager"))
"""


@dataclass
class TrailStack:
    """`base` is the portal's address; `seeding` the seconds that the trail took, 0 if it was there."""

    folder: str
    environment: dict[str, str]
    seeding: float = 0

    @property
    def base(self) -> str:
        """Return the address of gunicorn."""
        return f"http://{self.environment['PORTAL_BIND']}"

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py and return its output. Raises CalledProcessError if it fails."""
        return self._run("manage.py", *arguments)

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def seed(self, events: int) -> None:
        """Extend the trail to `events` events."""
        self.manage("migrate", "-v0")
        started = time.perf_counter()
        done = self._run("-m", "bench.audit_events", "--in-all", "--events", str(events))
        self.seeding = 0 if done.startswith("0 ") else time.perf_counter() - started
        self.manage("shell", "-v0", "-c", _PERSON.format(password=PASSWORD))

    def describe_server(self) -> str:
        """Return how gunicorn serves this stack: "processes × threads"."""
        source = "from portal import serving; print(serving.workers, '×', serving.threads)"
        return self._run("-c", source).strip()

    def worker_peak(self) -> int:
        """Return the peak memory of a gunicorn process, in MiB (VmHWM)."""
        return max(memory_of(self.folder, "VmHWM")) // 1024

    @contextmanager
    def served(self) -> Iterator[Browser]:
        """Run gunicorn and yield the browser of a signed-in manager."""
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:portal.serving", "portal.wsgi"],
            cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            browser = _answering(self.base)
            browser.sign_in("bench", PASSWORD)
            yield browser
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


@contextmanager
def trail_stack(title: str, keep: str) -> Iterator[TrailStack | None]:
    """Yield a stack on "SQLite" or "PostgreSQL", None if unavailable. `keep` is a folder to reuse, or ""."""
    with ExitStack() as ending:
        folder = keep or ending.enter_context(TemporaryDirectory(prefix="portal-bench-"))
        place = Path(folder, title.lower())
        place.mkdir(parents=True, exist_ok=True)
        database = ""
        if title == "PostgreSQL":
            server = postgresql_url()
            if server is None:
                yield None
                return
            database = ending.enter_context(_database(server, bool(keep)))
        yield TrailStack(str(place), _environment(place, database))


@contextmanager
def _database(server: str, keep: bool) -> Iterator[str]:
    name = _KEPT if keep else f"{_KEPT}_{secrets.token_hex(4)}"
    with psycopg.connect(server.replace("/portal?", "/postgres?"), autocommit=True) as owner:
        if not owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            owner.execute(f"CREATE DATABASE {name}")
        try:
            yield server.replace("/portal?", f"/{name}?")
        finally:
            if not keep:
                owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _environment(place: Path, database: str) -> dict[str, str]:
    environment = os.environ | _secrets(place / "secrets.json") | {
        "DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_ENV": "test", "PORTAL_DATA_DIR": str(place),
        "PORTAL_ENV_FILE": os.devnull, "PORTAL_BIND": f"127.0.0.1:{port_free()}",
        "STEP_UP_MAX_AGE": "86400", "DATABASE_URL": database, "AUDIT_EXPORT_INLINE_ROWS": "10000000",
    }  # fmt: skip
    if not database:
        del environment["DATABASE_URL"]
    return environment


def _secrets(file: Path) -> dict[str, str]:
    """Return the keys of the trail, which verifies only with these."""
    if not file.exists():
        key = "demo-1:" + base64.b64encode(secrets.token_bytes(32)).decode()
        made = {"SECRET_KEY": secrets.token_hex(32), "PORTAL_ENCRYPTION_KEYS": key, "PORTAL_AUDIT_KEYS": key}
        file.write_text(json.dumps(made))
        file.chmod(0o600)
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


def _answering(base: str) -> Browser:
    for _ in range(100):
        browser = Browser(base)
        with suppress(OSError):
            browser.get("/healthz/live")
            return browser
        time.sleep(0.2)
    raise RuntimeError("gunicorn did not answer within twenty seconds")


def seconds_in(text: str) -> float:
    """Parse the seconds from the output of a command: "… (12.3 s)"."""
    found = re.search(r"\(([\d.]+) s\)", text)
    return float(found.group(1)) if found else 0.0
