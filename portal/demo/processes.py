"""The demo's processes: start them, wait until they respond, and stop them all at the end."""

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

GRACE = 25.0
# Seconds before a child is started again. The pause doubles each time, unless the child had run for a while.
FIRST_PAUSE, LONGEST_PAUSE, A_WHILE = 1.0, 60.0, 30.0
_PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    """The demo cannot run. The message gives the reason."""


@dataclass
class Child:
    """A process and how it was started. `due` is when an ended one is started again."""

    command: list[str]
    environment: dict[str, str]
    quiet: bool
    again: bool
    process: subprocess.Popen[bytes]
    started: float
    pause: float = 0.0
    due: float | None = None


class ProcessGroup:
    """Child processes that live and die together. Use as a context: leaving it ends every child."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}

    def __enter__(self) -> "ProcessGroup":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Every polite signal ends the demo in the one way that Ctrl-C does: KeyboardInterrupt.
            signal.signal(number, signal.default_int_handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # Ask every child to end, the last started first, and kill the group of one that does not.
        started = [child.process for child in reversed(self.children.values())]
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        limit = time.monotonic() + GRACE
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, limit - time.monotonic()))
            _kill_group(process)
            process.wait()

    def start(
        self,
        name: str,
        *arguments: str,
        environment: Mapping[str, str],
        quiet: bool = False,
        again: bool = False,
    ) -> None:
        """Start `python arguments…` and show its output; for a `quiet` one, only its errors.

        If it ends by itself, the rest ends too; one to be started `again` is, and the rest goes on.
        """
        command, own = [sys.executable, *arguments], dict(environment)
        process = _start_process(command, own, quiet)
        self.children[name] = Child(command, own, quiet, again, process, time.monotonic())

    def wait_for(self, name: str, port: int, path: str, *, seconds: float = 60.0) -> None:
        """Return when `path` is answered below 400. Raises DemoError if the child ends or is too slow."""
        limit = time.monotonic() + seconds
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", path)
                if connection.getresponse().status < 400:
                    return
            if self.children[name].process.poll() is not None:
                raise DemoError(f"{name} did not start; what it printed above says why.")
            if time.monotonic() > limit:
                raise DemoError(f"{name} did not answer {path} within {seconds:.0f} seconds.")
            time.sleep(0.05)

    def watch(self) -> None:
        """Wait for Ctrl-C or SIGTERM (KeyboardInterrupt). Raises DemoError if a child ends that all need."""
        while True:
            for name, child in self.children.items():
                if child.process.poll() is None:
                    continue
                if not child.again:
                    raise DemoError(f"{_has_ended(name, child)}; the rest ends too.")
                # Start it again after a pause.
                now = time.monotonic()
                if child.due is None:
                    steady = not child.pause or now - child.started > A_WHILE
                    child.pause = FIRST_PAUSE if steady else min(2 * child.pause, LONGEST_PAUSE)
                    child.due = now + child.pause
                    _kill_group(child.process)
                    sys.stderr.write(f"{_has_ended(name, child)}; it starts again in {child.pause:.0f} s.\n")
                elif now >= child.due:
                    child.process = _start_process(child.command, child.environment, child.quiet)
                    child.started, child.due = now, None
            time.sleep(0.2)


def _start_process(command: list[str], environment: dict[str, str], quiet: bool) -> subprocess.Popen[bytes]:
    """Start a process in its own session, so that Ctrl-C reaches it only through this program."""
    return subprocess.Popen(  # noqa: S603 - our own programs
        command,
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread here
    )


def _has_ended(name: str, child: Child) -> str:
    return f"{name} ended by itself (exit code {child.process.returncode})"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the remaining processes of a group, if any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def check_port(port: int, variable: str) -> None:
    """Raise DemoError if another program listens on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DemoError(
                f"Port {port} is taken, perhaps by another demo. Choose one: make run {variable}=…"
            ) from None


def _die_with_parent() -> None:  # pragma: no cover - runs between fork and exec
    """Have Linux end this child when the demo is killed, so that no orphan keeps the port."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
