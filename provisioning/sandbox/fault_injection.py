"""A WSGI application that injects faults: it resets, cuts, delays, alters or withholds answers."""

import errno
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from provisioning.sandbox import alternative_answers
from provisioning.sandbox.error_responses import Code, Refusal
from provisioning.sandbox.fault_rules import Fault, UnknownFault, parse_fault, take_fault

PREFIX = "/api/provisioning/"
_MEBIBYTE = 1024 * 1024
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"


def _encode(refusal: Refusal, **more: Any) -> bytes:
    return json.dumps(refusal.body | more).encode()


_RULE_BROKEN = Refusal(Code.RULE_BROKEN, "name: breaks a rule")
# Faults that are a fixed answer: status line, content type, body. The operation is not carried out.
_ANSWERS: dict[str, tuple[str, str, bytes]] = {
    "401": ("401 Unauthorized", _JSON, _encode(Refusal(Code.UNAUTHORIZED, "Unauthorized", status=401))),
    "422": ("422 Unprocessable Entity", _JSON, _encode(Refusal(Code.REQUEST_INVALID, "Request invalid"))),
    "500": ("500 Internal Server Error", _JSON, _encode(Refusal(Code.INTERNAL, "Internal server error"))),
    "403": (
        "403 Forbidden",
        _HTML,
        b"<!doctype html><html><title>403 Forbidden</title><body><h1>Forbidden</h1></body></html>",
    ),
    # No page documents a limit. The status API of the platform answers 429, so the body is a guess.
    "429": (
        "429 Too Many Requests",
        _JSON,
        json.dumps({"success": False, "errorMessage": "Too many requests"}).encode(),
    ),
    "503": (
        "503 Service Unavailable",
        _HTML,
        b"<!doctype html><html><title>503</title><body><h1>Service Unavailable</h1></body></html>",
    ),
    "html": (
        "502 Bad Gateway",
        _HTML,
        b"<!doctype html><html><title>502 Bad Gateway</title><body><h1>Bad Gateway</h1></body></html>",
    ),
    "200-refused": ("200 OK", _JSON, _encode(_RULE_BROKEN)),
    # Published error examples pair `success: true` with an error code.
    "contradiction": ("422 Unprocessable Entity", _JSON, _encode(_RULE_BROKEN, success=True)),
    "garbage": ("200 OK", _JSON, b'{"success": true, "merchants": [{"guid": '),
    "redirect": ("302 Found", "text/plain", b"Moved"),
}


class FaultyApplication:
    """Pass requests on to Django, or commit the fault that a header asks for or that was armed before."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request, or fail as ordered."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._application(environ, start)
        try:
            asked = environ.get("HTTP_X_SANDBOX_FAULT")
            fault = parse_fault(asked) if asked else take_fault(path.removeprefix(PREFIX).split("/")[0])
        except UnknownFault as unknown:
            refusal = Refusal(Code.REQUEST_INVALID, f"X-Sandbox-Fault: {unknown}")
            return _send(start, "422 Unprocessable Entity", _JSON, _encode(refusal))
        if not fault:
            return self._application(environ, start)
        if fault.kind in _ANSWERS:
            headers = []
            if fault.kind in ("429", "503"):
                headers = [("Retry-After", str(int(fault.amount)))]
            elif fault.kind == "401":
                headers = [("WWW-Authenticate", 'Basic realm="Provisioning API"')]
            elif fault.kind == "redirect":
                headers = [("Location", "/healthz?redirected=1")]
            return _send(start, *_ANSWERS[fault.kind], headers)
        commit: dict[str, Callable[[Fault, WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
            "latency": self._delay,
            "future": self._answer_as_newer_gateway,
            "misspelt": self._misspell,
            "reset": _reset,
            "hang": _hang,
            "truncated": self._truncate,
            "drip": self._drip,
            "huge": _send_huge,
            "commit-then-drop": self._commit_then_drop,
        }
        return commit[fault.kind](fault, environ, start)

    def _delay(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        _wait(environ, fault.amount)
        return self._application(environ, start)

    def _truncate(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = self._carry_out(environ, start)

        def send_half() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            raise _connection_closed()

        return send_half()

    def _drip(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = self._carry_out(environ, start)
        pause = fault.amount / max(len(body), 1)

        def send_slowly() -> Iterator[bytes]:
            for position in range(len(body)):
                time.sleep(pause)
                yield body[position : position + 1]

        return send_slowly()

    def _commit_then_drop(
        self, fault: Fault, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        self._carry_out(environ, _catch_start([]))
        raise _connection_closed()

    def _answer_as_newer_gateway(
        self, fault: Fault, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        """Carry out the request without the future values, which a newer gateway would accept."""
        if environ.get("REQUEST_METHOD") == "POST":
            _drain(environ)
            body = alternative_answers.without_future_values(environ["wsgi.input"].read())
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return self._rewrite(environ, start, alternative_answers.with_future_values)

    def _misspell(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._rewrite(environ, start, alternative_answers.misspelt)

    def _rewrite(
        self, environ: WSGIEnvironment, start: StartResponse, rewrite: Callable[[bytes], bytes]
    ) -> Iterable[bytes]:
        caught: list[Any] = []
        body = rewrite(self._carry_out(environ, _catch_start(caught)))
        status, headers = caught
        other = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start(status, [*other, ("Content-Length", str(len(body)))])
        return [body]

    def _carry_out(self, environ: WSGIEnvironment, start: StartResponse) -> bytes:
        """Carry out the operation and return the body of its answer."""
        answer = self._application(environ, start)
        try:
            return b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close:
                close()


def _connection_closed() -> OSError:
    """Return the error on which gunicorn closes the connection silently, as if the client had left."""
    return OSError(errno.EPIPE, "closed as ordered by a fault")


def _reset(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    connection: socket.socket = environ["gunicorn.socket"]
    # With lingering switched off, closing sends RST. gunicorn would send FIN before it closes, so the
    # connection is closed here, by putting another socket in its place for gunicorn to close.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stand_in, other_end = socket.socketpair()
    with stand_in, other_end:
        os.dup2(stand_in.fileno(), connection.fileno())
    raise _connection_closed()


def _hang(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    _wait(environ, fault.amount)
    raise _connection_closed()


def _send_huge(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    def send_padding() -> Iterator[bytes]:
        yield b'{"success":true,"padding":"'
        for _ in range(int(fault.amount)):
            yield b"x" * _MEBIBYTE
        yield b'"}'

    start("200 OK", [("Content-Type", _JSON)])
    return send_padding()


def _send(
    start: StartResponse, status: str, kind: str, body: bytes, more: list[tuple[str, str]] | None = None
) -> Iterable[bytes]:
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *(more or [])])
    return [body]


def _catch_start(caught: list[Any]) -> StartResponse:
    """Return a start_response that puts status and headers into `caught` instead of sending them."""

    def start(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        caught[:] = [status, headers]
        return BytesIO().write

    return start


def _wait(environ: WSGIEnvironment, seconds: float) -> None:
    """Wait, but no longer than the client does, so that no thread is held for a client that left."""
    _drain(environ)
    connection: socket.socket = environ["gunicorn.socket"]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, 0.5))
        if readable and not connection.recv(1, socket.MSG_PEEK):
            raise _connection_closed()
        if readable:
            time.sleep(min(left, 0.05))


def _drain(environ: WSGIEnvironment) -> None:
    """Read the request body, so that a socket that becomes readable later means that the client left."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
