"""`make run` under test: on free ports and a data folder of its own, all its processes known."""

import os
import re
import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.checks.tree import CHECKOUT

SECONDS_TO_START = 300


@dataclass
class Demo:
    """A running `make run`"""

    process: subprocess.Popen
    port: int
    sandbox_port: int
    data: Path
    log: Path

    @property
    def url(self) -> str:
        """The portal's address."""
        return f"http://127.0.0.1:{self.port}"

    def signed_in(self, username: str, passphrase: str) -> requests.Session:
        """A browser's session after the sign-in form, as a script would do it."""
        session = requests.Session()
        form = session.get(f"{self.url}/accounts/login/", timeout=30)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        assert token, form.text
        fields = {"login": username, "password": passphrase, "csrfmiddlewaretoken": token[1]}
        answer = session.post(
            f"{self.url}/accounts/login/", data=fields, headers={"Referer": form.url}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return session

    def supervisor(self) -> int:
        """Process id of manage.py demo, the child of make."""
        return next(pid for pid, line in self._lines() if "manage.py demo" in line)

    def children(self) -> list[int]:
        """Process ids of gateway, portal and worker, gunicorn's workers too."""
        return self.pids("sandbox_serve", "portal.serving", "tasks_work")

    def pids(self, *words: str) -> list[int]:
        """Process ids of what has one of the words in its command line."""
        return [pid for pid, line in self._lines() if any(word in line for word in words)]

    def workers(self) -> list[int]:
        """Process ids of the portal's workers, without their master."""
        serving = self.pids("portal.serving")
        return [pid for pid in serving if _parent(pid) in serving]

    def end(self, number: int = signal.SIGINT) -> int:
        """What Ctrl-C in the terminal does: the signal goes to make and to everything in its group."""
        os.killpg(self.process.pid, number)
        return self.process.wait(timeout=120)

    def all_gone(self, seconds: float = 120.0) -> bool:
        """Whether every process ends and both ports are free within the time."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if not self._lines() and port_free(self.port) and port_free(self.sandbox_port):
                return True
            time.sleep(0.1)
        return False

    def _lines(self) -> list[tuple[int, str]]:
        """Process id and command line of everything that runs with this data folder."""
        mark = f"PORTAL_DATA_DIR={self.data}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes() + b"\0":
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found.append((int(folder.name), words))
            except OSError:
                continue
        return [(pid, words) for pid, words in found if words.strip()]


def _parent(pid: int) -> int:
    """Process id of the parent; the name before it in the line may hold blanks."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def port_free(port: int) -> bool:
    """Whether nothing answers on the loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """A port that nothing uses right now, below those that the system assigns."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def demo_environment(data: Path, **settings: str) -> dict[str, str]:
    """The environment of a person who types `make run`, without what the test run has set for itself."""
    ours = {"DJANGO_SETTINGS_MODULE", "SECRET_KEY", "DATABASE_URL", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    kept = {name: value for name, value in kept.items() if not name.startswith("PORTAL_")}
    return {**kept, "PORTAL_DATA_DIR": str(data), **settings}


def demo_started(data: Path, **settings: str) -> Demo:
    """Types `make run` and returns when it has printed its block."""
    settings = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port()), **settings}
    log = data.parent / f"{data.name}.log"
    begun = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=CHECKOUT,
            env=demo_environment(data, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    demo = Demo(process, int(settings["PORT"]), int(settings["SANDBOX_PORT"]), data, log)
    while "Press Ctrl-C to stop" not in log.read_text():
        late = time.monotonic() - begun > SECONDS_TO_START
        if late or process.poll() is not None:
            process.kill()
            raise AssertionError(log.read_text())
        time.sleep(0.02)
    return demo
