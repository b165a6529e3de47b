"""Keeps the demo's two processes: starts them, waits until they answer, and leaves none behind."""

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
from types import FrameType

GRACE = 25.0
_PR_SET_PDEATHSIG = 1


class HouseholdError(Exception):
    """The demo cannot run; the message tells the person why."""


class Household:
    """Child processes that live and die together. Use as a context: leaving it ends every child."""

    def __init__(self) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Household":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._end()

    def start(self, name: str, *arguments: str, environment: Mapping[str, str], quiet: bool = False) -> None:
        """Starts `python arguments…` in a session of its own, so that Ctrl-C reaches it through us alone.

        What it prints is shown, of a `quiet` one its errors only.
        """
        self.children[name] = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *arguments],
            env=dict(environment),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread here
        )

    def wait_for(self, name: str, port: int, path: str, *, seconds: float = 60.0) -> None:
        """Returns when `path` is answered below 400. HouseholdError if the child ends or is too slow."""
        limit = time.monotonic() + seconds
        while not _answers(port, path):
            if self.children[name].poll() is not None:
                raise HouseholdError(f"{name} did not start; what it printed above says why.")
            if time.monotonic() > limit:
                raise HouseholdError(f"{name} did not answer {path} within {seconds:.0f} seconds.")
            time.sleep(0.05)

    def watch(self) -> None:
        """Waits for Ctrl-C or SIGTERM (KeyboardInterrupt). HouseholdError if a child ends by itself."""
        while True:
            for name, child in self.children.items():
                if child.poll() is not None:
                    raise HouseholdError(
                        f"{name} ended by itself (exit code {child.returncode}); the rest ends too."
                    )
            time.sleep(0.2)

    def _end(self) -> None:
        """Asks every child to end, last started first, and kills the group of one that does not."""
        started = list(reversed(self.children.values()))
        for child in started:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        limit = time.monotonic() + GRACE
        for child in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, limit - time.monotonic()))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def port_check(port: int, variable: str) -> None:
    """Raises HouseholdError if something else listens on the loopback port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise HouseholdError(
                f"Port {port} is taken, perhaps by another demo. Choose one: make run {variable}=…"
            ) from None


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Every polite signal ends the demo in the one way that Ctrl-C does."""
    raise KeyboardInterrupt


def _die_with_parent() -> None:  # pragma: no cover - runs between fork and exec
    """Asks Linux to end this child when the demo is killed outright, so that no orphan keeps the port."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
