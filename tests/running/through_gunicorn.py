"""Raw HTTP to the portal under gunicorn, for what the test client would not show."""

import socket
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread

from tests.portal.keys.serving import answered, listening, served


@dataclass(frozen=True)
class Served:
    """A running portal on the test database. `port` is on 127.0.0.1."""

    port: int
    process: subprocess.Popen[str]

    def send(self, head: str, body: bytes = b"", *, source: str = "127.0.0.1") -> tuple[int, str]:
        """Send these header lines (Host is added) from `source` and return status and whole answer."""
        lines = [head.strip(), f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        with socket.create_connection(("127.0.0.1", self.port), 30, (source, 0)) as peer:
            peer.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            with suppress(OSError):  # the portal may answer and close before all of it was sent
                peer.sendall(body)
            return _answer(peer)


def _answer(peer: socket.socket) -> tuple[int, str]:
    parts = []
    with suppress(ConnectionResetError):
        while part := peer.recv(65536):
            parts.append(part)
    text = b"".join(parts).decode("utf-8", "replace")
    return int(text.split(" ", 2)[1]) if text else 0, text


@contextmanager
def portal_served(keys: str, **environment: str) -> Iterator[Served]:
    """Run `gunicorn -c python:portal.serving` on the test database until the block ends."""
    with listening() as listener:
        process = served(listener, keys, **environment)
        # A full pipe would block the portal.
        drain = Thread(target=lambda: deque(process.stderr or (), maxlen=0), daemon=True)
        port = listener.getsockname()[1]
        try:
            answered(f"http://127.0.0.1:{port}", process)
            drain.start()
            yield Served(port, process)
        finally:
            process.terminate()
            process.wait(timeout=60)
