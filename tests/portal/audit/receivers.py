"""Real receivers for the stream's tests: a syslog port, and a webhook that answers as it is told."""

import http.server
import socket
import socketserver
import threading
from contextlib import contextmanager


class _Bytes(socketserver.BaseRequestHandler):
    """Keeps all that a connection brings."""

    def handle(self):
        data = b""
        while chunk := self.request.recv(65536):
            data += chunk
        self.server.received.append(data)


class _Posts(http.server.BaseHTTPRequestHandler):
    """Keeps each body with its headers and answers with the statuses it was given, then with 204."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        """Quietly."""


@contextmanager
def _served(server, tls=None):
    server.received, server.statuses = [], []
    server.daemon_threads = False  # so that closing waits for what is still being received
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tcp_receiver(tls=None):
    """A TCP port; after the block `received` has the bytes of each connection."""
    return _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Bytes), tls)


def webhook_receiver(tls=None):
    """An HTTP port; `received` has (path, headers, body) of each POST, `statuses` what to answer next."""
    return _served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Posts), tls)


@contextmanager
def udp_receiver():
    """A UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(30)
        yield port
