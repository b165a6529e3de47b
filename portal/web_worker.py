"""gunicorn's threaded worker, which slow clients cannot stop: a thread gets only requests that are all there.

gunicorn's own reads a request in a thread, so that as many half-sent requests as there are threads stop the
server. Here the main loop collects requests, and health probes have threads of their own.
"""

import re
import selectors
import socket
import struct
import time
from collections import OrderedDict
from concurrent import futures
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

# Seconds for a request line with its headers, and for the whole request.
HEAD_SECONDS, REQUEST_SECONDS = 10.0, 30.0
MAX_HEAD, MAX_BODY = 64 * 1024, 12 * 1024 * 1024
# Of all half-sent requests: how many there may be, and how many bytes of bodies they may hold.
MAX_WAITING, MAX_BUFFERED = 500, 64 * 1024 * 1024
HEALTH_THREADS = 4
# Seconds that a client may take without reading anything of its answer.
SEND_SECONDS = 30
# How long, and for how many bytes, an ended connection is read: closed with bytes unread, the answer is lost.
LINGER_SECONDS, MAX_LINGER = 2.0, 16 * 1024 * 1024
_HEALTH = re.compile(rb"(GET|HEAD) /healthz/")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_REFUSALS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    411: b"Length Required",
    413: b"Content Too Large",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class Waiting:
    """A request that has not been read completely."""

    def __init__(self, conn: TConn) -> None:
        self.conn, self.data = conn, bytearray()
        self.head_end = -1
        self.needed = 0
        self.began = time.monotonic()

    def take(self, data: bytes) -> int:
        """Add what came. Return 0, or the status that refuses the request."""
        self.data += data
        if self.head_end >= 0:
            return 0
        # Empty lines before a request are allowed, and no end of its headers.
        del self.data[: len(self.data) - len(self.data.lstrip(b"\r\n"))]
        self.head_end = self.data.find(b"\r\n\r\n")
        if self.head_end < 0:
            return 431 if len(self.data) > MAX_HEAD else 0
        head = bytes(self.data[: self.head_end + 2])
        if _CHUNKED.search(head):
            return 411
        length = _LENGTH.search(head)
        if length and len(length[1]) > 12:  # also because int() refuses thousands of digits
            return 413
        body = int(length[1]) if length else 0
        self.needed = self.head_end + 4 + body
        if body > MAX_BODY:
            return 413
        if len(self.data) < self.needed and _EXPECT.search(head):
            self.conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return 0

    @property
    def is_whole(self) -> bool:
        """Whether headers and body have been read."""
        return self.head_end >= 0 and len(self.data) >= self.needed

    @property
    def is_late(self) -> bool:
        """It takes longer than a request may."""
        limit = HEAD_SECONDS if self.head_end < 0 else REQUEST_SECONDS
        return self.age > limit

    @property
    def age(self) -> float:
        """Seconds since the connection was made, or taken up again."""
        return time.monotonic() - self.began


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """Collects requests in the main loop. `waiting` is in the order in which they began.

    `lingering` holds ended connections: when each is closed at the latest, and the bytes it may still send.
    """

    def init_process(self) -> None:
        """Add the threads for probes to those for pages."""
        self.waiting: OrderedDict[TConn, Waiting] = OrderedDict()
        self.lingering: dict[TConn, tuple[float, int]] = {}
        self.health_pool = futures.ThreadPoolExecutor(HEALTH_THREADS, "health")
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Called for a new connection, and for one that was kept alive and sends again."""
        if self.cfg.is_ssl:  # bytes would have to be decrypted first; a proxy does that for the portal
            super().enqueue_req(conn)
            return
        if len(self.waiting) >= MAX_WAITING:
            self._refuse(next(iter(self.waiting.values())), 408)  # the slowest of all
        request = self.waiting[conn] = Waiting(conn)
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, request))
        ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        if ahead:
            self._receive(request, ahead)
        else:
            self._read(request, None)

    def finish_request(self, conn: TConn, fs: futures.Future[bool]) -> None:
        """Called when an answer was sent. gunicorn's own would wait here for the client to close."""
        if self.cfg.is_ssl or (not fs.cancelled() and not fs.exception() and fs.result()):
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """End what takes too long or says nothing to a stopping server. Called at least each second."""
        super().murder_pending()
        now = time.monotonic()
        for conn, (limit, _) in list(self.lingering.items()):
            if now > limit:
                self._close(conn)
        for request in list(self.waiting.values()):
            if request.is_late:
                self._refuse(request, 408 if request.data else 0)
            elif not self.alive and not request.data and request.age > STOP_KEEPALIVE_LINGER:
                self._refuse(request, 0)

    def _read(self, request: Waiting, _: Any) -> None:
        if self.waiting.get(request.conn) is not request:  # ended by another event of the same round
            return
        try:
            data = request.conn.sock.recv(64 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._receive(request, data)
        else:
            self._refuse(request, 0)

    def _receive(self, request: Waiting, data: bytes) -> None:
        """Add what came to a request; refuse it, or hand it to a thread once it is whole."""
        try:
            refused = request.take(data)
        except OSError:
            self._refuse(request, 0)
            return
        except Exception:  # no request may end the worker, and with it those of everybody else
            self.log.exception("a request was not understood")
            refused = 400
        if not refused and len(request.data) > MAX_HEAD and not request.is_whole:
            large = sum(len(each.data) for each in self.waiting.values() if len(each.data) > MAX_HEAD)
            refused = 503 if large > MAX_BUFFERED else 0
        if refused:
            self._refuse(request, refused)
            return
        if not request.is_whole:
            return
        conn = request.conn
        self._forget(request)
        conn.data_ready = True
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        conn.init()
        conn.parser.unreader.unread(bytes(request.data))
        pool = self.health_pool if _HEALTH.match(request.data) else self.tpool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _refuse(self, request: Waiting, status: int) -> None:
        """Answer by `status`, 0 for not at all, and close."""
        self._forget(request)
        if status:
            head = b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            with suppress(OSError):
                request.conn.sock.send(head % (status, _REFUSALS[status]))
            self.log.debug("a request was not read to its end: %s", status)
            self._linger(request.conn)
        else:
            self._close(request.conn)

    def _linger(self, conn: TConn) -> None:
        """End the connection once the client has, so that it can read the answer first."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):  # it is closed already
            self._close(conn)
            return
        self.lingering[conn] = (time.monotonic() + LINGER_SECONDS, MAX_LINGER)

    def _discard(self, conn: TConn, _: Any) -> None:
        if conn not in self.lingering:  # closed by another event of the same round
            return
        limit, allowed = self.lingering[conn]
        try:
            received = len(conn.sock.recv(256 * 1024))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = 0
        if received and received <= allowed:
            self.lingering[conn] = (limit, allowed - received)
        else:
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        lingered = self.lingering.pop(conn, None)
        if lingered:
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, request: Waiting) -> None:
        del self.waiting[request.conn]
        self.poller.unregister(request.conn.sock)
