"""Start the portal and the embedded gateway to measure, with a temporary data folder."""

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
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def memory_of(folder: str, name: str) -> list[int]:
    """Return a field of proc(5) status in KiB, for the gunicorn processes with that data folder."""
    states = [(each / "status").read_text() for each in _processes(folder)]
    return [int(match.group(1)) for state in states if (match := re.search(rf"{name}:\s+(\d+)", state))]


def cpu_of(folder: str) -> float:
    """Return the CPU seconds that these processes have used so far (proc(5): utime and stime)."""
    fields = [(each / "stat").read_text().rpartition(")")[2].split() for each in _processes(folder)]
    return sum(int(stat[11]) + int(stat[12]) for stat in fields) / os.sysconf("SC_CLK_TCK")


def _processes(folder: str) -> list[Path]:
    """Return the folders in /proc of the gunicorn processes with that data folder."""
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
        """Stop all processes and remove the data."""
        self._end()
        self.folder.cleanup()

    def start_again(self) -> float:
        """Stop all processes and run `make run` again; return the seconds until the portal is ready."""
        self._end()
        start = time.perf_counter()
        self.process = self._begin()
        return time.perf_counter() - start

    def worker_memory(self) -> list[int]:
        """Return the resident memory of the portal's gunicorn processes, in KiB (VmRSS)."""
        return memory_of(self.folder.name, "VmRSS")

    def portal_cpu(self) -> float:
        """Return the CPU seconds that the portal's gunicorn processes have used so far."""
        return cpu_of(self.folder.name)

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py and return its output."""
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
        """Stop the processes as Ctrl-C does."""
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
