"""Starts what is measured: portal and embedded gateway in a data folder of their own."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def port_free() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def memory_of(folder: str, name: str) -> list[int]:
    """A figure of proc(5)'s status, in KiB, of the gunicorn processes of the portal with that data folder."""
    states = [(each / "status").read_text() for each in _processes(folder)]
    return [int(match.group(1)) for state in states if (match := re.search(rf"{name}:\s+(\d+)", state))]


def cpu_of(folder: str) -> float:
    """Seconds of CPU that they have used so far (proc(5): utime and stime)."""
    fields = [(each / "stat").read_text().rpartition(")")[2].split() for each in _processes(folder)]
    return sum(int(stat[11]) + int(stat[12]) for stat in fields) / os.sysconf("SC_CLK_TCK")


def _processes(folder: str) -> list[Path]:
    """Their folders in /proc, told from those of other portals by the data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            own = folder.encode() in (process / "environ").read_bytes()
            if own and b"portal.wsgi" in (process / "cmdline").read_bytes():
                found.append(process)
    return found


class Stack:
    """`make run` with a seeded gateway: `base` is the portal's address, people use `passphrase`.

    `large_tenant` is the guid of the tenant that has all generated merchants.
    """

    def __init__(self, merchants: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="portal-bench-")
        self.passphrase = "demo-" + secrets.token_hex(12)
        ports = port_free(), port_free()
        self.base = f"http://127.0.0.1:{ports[0]}"
        self.environment = os.environ | {
            "PORTAL_DATA_DIR": self.folder.name,
            "PORT": str(ports[0]),
            "SANDBOX_PORT": str(ports[1]),
            "PORTAL_DEMO_PASSPHRASE": self.passphrase,
            "INDEX_MAX_AGE": "86400",
            "PERSON_REQUESTS_PER_MINUTE": "0",  # one account stands for all readers here
        }
        seeded = self.manage(
            "sandbox_seed", "--tenants", "1", "--merchants", str(merchants), "--single-tenant"
        )
        self.large_tenant: str = json.loads(seeded)["generatedTenants"][0]
        self.process = self._begin()

    def stop(self) -> None:
        """Ends everything and removes the data."""
        self._end()
        self.folder.cleanup()

    def start_again(self) -> float:
        """Ends everything and types `make run` once more; seconds until the portal is ready."""
        self._end()
        start = time.perf_counter()
        self.process = self._begin()
        return time.perf_counter() - start

    def worker_memory(self) -> list[int]:
        """Resident memory of the portal's gunicorn processes, in KiB (VmRSS)."""
        return memory_of(self.folder.name, "VmRSS")

    def portal_cpu(self) -> float:
        """Seconds of CPU that the portal's gunicorn processes have used so far."""
        return cpu_of(self.folder.name)

    def manage(self, *arguments: str) -> str:
        """What a command of the stack prints."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()

    def _begin(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait(process)
        return process

    def _end(self) -> None:
        """As Ctrl-C does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=30)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(1200):
            if process.poll() is not None:
                raise RuntimeError("the portal ended before it was ready")
            with (
                suppress(OSError),
                urllib.request.urlopen(self.base + "/healthz/ready", timeout=5) as answer,  # noqa: S310
            ):
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError("the portal did not become ready within two minutes")
