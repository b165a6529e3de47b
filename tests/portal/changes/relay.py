"""A TCP relay in front of the gateway that counts the requests that arrive there."""

import contextlib
import re
import socket
import threading

_REQUEST = re.compile(rb"(?:^|\r\n\r\n|\n)?(GET|POST) /\S*?/(\w+)[^\r]* HTTP/1\.1\r\n")


class Relay:
    """Listen on a free port; `sent(operation)` counts requests of an operation, `writes` all POSTs."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.seen: list[tuple[str, str]] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def writes(self) -> int:
        return sum(method == "POST" for method, _path in self.seen)

    def close(self) -> None:
        self.server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self.server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target, timeout=30)
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                if counted:
                    self.seen += [(m.decode(), p.decode()) for m, p in _REQUEST.findall(data)]
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
