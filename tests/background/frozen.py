"""A way to the test's PostgreSQL that can stop answering without closing anything, as a cut network does."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from django.db import connection


class FrozenDatabase:
    """Forwards a TCP port to the server. While it is frozen it accepts and says nothing."""

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for DATABASE_URL."""
        known = connection.settings_dict
        user, password = quote(known["USER"], safe=""), quote(known["PASSWORD"] or "", safe="")
        return (
            f"postgres://{user}:{password}@/{known['NAME']}?host=127.0.0.1&port={self.port}&sslmode=disable"
        )

    def freeze(self) -> None:
        """Say nothing from now on."""
        self._running.clear()

    def thaw(self) -> None:
        """Go on, with what was sent in between."""
        self._running.set()

    def close(self) -> None:
        """End all connections."""
        self._running.set()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
                self._running.wait()
                server = _server()
            except OSError:
                return
            self._sockets += [client, server]
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._running.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


def _server() -> socket.socket:
    known = connection.settings_dict
    host = known.get("OPTIONS", {}).get("host") or known["HOST"] or "/var/run/postgresql"
    port = known.get("OPTIONS", {}).get("port") or known["PORT"] or "5432"
    if not host.startswith("/"):
        return socket.create_connection((host, int(port)), timeout=10)
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return made
