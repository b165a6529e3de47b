"""No exchange outlives its deadline, whatever drips or hangs; over real sockets."""

import itertools
import socket
import threading
import time

import pytest

from provisioning.gateway import transport
from provisioning.gateway.errors import NotSent, OutcomeUnknown
from tests.provisioning.gateway.callers import READ, WRITE, failure
from tests.provisioning.gateway.wire import certificate, wire

# Whatever drips or hangs does so for 20 s. The grace is for a machine that does other things as well.
DEADLINE, GRACE = 1.0, 10.0


def _drips(*pieces: bytes):
    def talk(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.05)

    return talk


def _endless(start: bytes, piece: bytes):
    return _drips(start, *itertools.repeat(piece, 400))


def _hangs(connection: socket.socket) -> None:
    time.sleep(20)


HEAD = b"HTTP/1.1 200 OK\r\n"
TALKS = {
    "hang": _hangs,
    "dripping headers": _endless(HEAD + b"X: ", b"x"),
    "endless headers": _endless(HEAD, b"X: y\r\n"),
    "endless 100": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "dripping body": _endless(HEAD + b"Content-Length: 5000\r\n\r\n", b" "),
    "dripping chunks": _endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "dripping, no length": _endless(HEAD + b"\r\n", b" "),
}


def _timed(url: str, call, **options):
    started = time.monotonic()
    error = failure(url, call, deadline=DEADLINE, **options)
    assert time.monotonic() - started < DEADLINE + GRACE
    return error


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS.keys())
@pytest.mark.parametrize("over", ["http", "https"])
def test_what_drips_or_hangs_ends_at_the_deadline(talk, over, tmp_path):
    tls, ca_file = certificate(tmp_path)
    with wire(talk, tls=tls if over == "https" else None) as server:
        for call in (READ, WRITE):
            error = _timed(f"{over}://127.0.0.1:{server.port}", call, ca_file=ca_file)
            assert type(error) is OutcomeUnknown and "time allowed" in str(error)
            assert DEADLINE * 1000 <= error.duration_ms < (DEADLINE + GRACE) * 1000
    assert len(server.requests) == 2


def test_a_handshake_that_hangs_is_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = _timed(f"https://127.0.0.1:{server.getsockname()[1]}", WRITE)
    assert type(error) is NotSent and "handshake" in str(error)


def test_a_hanging_name_lookup_is_reported_as_not_sent(monkeypatch):
    released = threading.Event()

    def hangs(*_, **__):
        released.wait(20)
        raise OSError

    monkeypatch.setattr(transport.socket, "getaddrinfo", hangs)
    error = _timed("https://gateway.example.org", WRITE)
    released.set()
    assert type(error) is NotSent and "name" in str(error)


def test_an_unaccepted_connection_ends_at_the_deadline():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        error = _timed(f"http://127.0.0.1:{address[1]}", WRITE)
        for filler in fillers:
            filler.close()
    assert type(error) is NotSent and error.detail == "connect_slow", "no byte of a request left"
    assert DEADLINE * 1000 <= error.duration_ms < (DEADLINE + GRACE) * 1000


def test_an_unread_request_ends_at_the_deadline():
    """The kernel's buffers take some megabytes; the rest waits for a reader that never comes."""
    from provisioning.gateway.requests import Call

    large = Call("POST", "/x", payload={"name": "x" * 40_000_000})
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert type(_timed(f"http://127.0.0.1:{server.getsockname()[1]}", large)) is OutcomeUnknown
