"""Commits faults on the wire: a WSGI application that can reset, cut, drip or withhold answers."""

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
from provisioning.sandbox.fault_rules import Fault, FaultUnknown, fault_parse, fault_take

PREFIX = "/api/provisioning/"
_MEBIBYTE = 1024 * 1024
_HTML = b"<!doctype html><html><title>502 Bad Gateway</title><body><h1>Bad Gateway</h1></body></html>"
_FORBIDDEN = b"<!doctype html><html><title>403 Forbidden</title><body><h1>Forbidden</h1></body></html>"
_BUSY = b"<!doctype html><html><title>503</title><body><h1>Service Unavailable</h1></body></html>"
_REFUSALS = {
    "401": Refusal(Code.UNAUTHORIZED, "Unauthorized", status=401),
    "422": Refusal(Code.REQUEST_INVALID, "Request invalid", status=422),
    "500": Refusal(Code.INTERNAL, "Internal server error", status=500),
}


class FaultyApplication:
    """Passes requests on to Django, except where a fault was asked for by header or armed before."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answers one request, or fails as ordered."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._application(environ, start)
        try:
            asked = environ.get("HTTP_X_SANDBOX_FAULT")
            fault = fault_parse(asked) if asked else fault_take(path.removeprefix(PREFIX).split("/")[0])
        except FaultUnknown as unknown:
            return _refused(Refusal(Code.REQUEST_INVALID, f"X-Sandbox-Fault: {unknown}"), start)
        return self._committed(fault, environ, start) if fault else self._application(environ, start)

    def _committed(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if fault.kind in _REFUSALS:
            return _refused(_REFUSALS[fault.kind], start)
        committing: dict[str, Callable[[Fault, WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
            "latency": self._late,
            "403": _forbidden,
            "429": _too_many,
            "503": _unavailable,
            "200-refused": _refused_as_ok,
            "contradiction": _refused_as_success,
            "future": self._future,
            "misspelt": self._misspelt,
            "reset": _reset,
            "hang": _hang,
            "truncated": self._truncated,
            "html": _html,
            "drip": self._drip,
            "huge": _huge,
            "redirect": _redirect,
            "garbage": _garbage,
            "commit-then-drop": self._commit_then_drop,
        }
        return committing[fault.kind](fault, environ, start)

    def _late(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        _wait(environ, fault.amount)
        return self._application(environ, start)

    def _truncated(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = self._carried_out(environ, start)
        return _cut(body[: len(body) // 2])

    def _drip(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = self._carried_out(environ, start)
        return _dripping(body, fault.amount / max(len(body), 1))

    def _commit_then_drop(
        self, fault: Fault, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        self._carried_out(environ, _start_nothing)
        raise _closed()

    def _future(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Carry out without the future values, which a newer gateway would accept."""
        if environ.get("REQUEST_METHOD") == "POST":
            _drain(environ)
            body = alternative_answers.without_future_values(environ["wsgi.input"].read())
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return self._rewritten(environ, start, alternative_answers.with_future_values)

    def _misspelt(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._rewritten(environ, start, alternative_answers.misspelt)

    def _rewritten(
        self, environ: WSGIEnvironment, start: StartResponse, rewrite: Callable[[bytes], bytes]
    ) -> Iterable[bytes]:
        kept: list[Any] = []
        body = rewrite(self._carried_out(environ, _start_into(kept)))
        status, headers = kept
        other = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start(status, [*other, ("Content-Length", str(len(body)))])
        return [body]

    def _carried_out(self, environ: WSGIEnvironment, start: StartResponse) -> bytes:
        """Runs the operation to its end and returns the body it would have answered with."""
        answer = self._application(environ, start)
        try:
            return b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close:
                close()


def _closed() -> OSError:
    """gunicorn takes a broken pipe for a client that left, and closes the connection without a word."""
    return OSError(errno.EPIPE, "closed as ordered by a fault")


def _reset(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    connection: socket.socket = environ["gunicorn.socket"]
    # With lingering switched off, closing sends RST. gunicorn would say goodbye (FIN) before it closes, so
    # the connection is closed here, by putting another socket in its place for gunicorn to close.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stand_in, other_end = socket.socketpair()
    with stand_in, other_end:
        os.dup2(stand_in.fileno(), connection.fileno())
    raise _closed()


def _hang(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    _wait(environ, fault.amount)
    raise _closed()


def _html(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    return _plain(start, "502 Bad Gateway", "text/html; charset=utf-8", _HTML)


def _forbidden(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    return _plain(start, "403 Forbidden", "text/html; charset=utf-8", _FORBIDDEN)


def _too_many(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """No page documents a limit; the status API of the platform answers 429, so the body is a guess."""
    body = json.dumps({"success": False, "errorMessage": "Too many requests"}).encode()
    more = [("Retry-After", str(int(fault.amount)))]
    return _plain(start, "429 Too Many Requests", "application/json", body, more)


def _unavailable(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    more = [("Retry-After", str(int(fault.amount)))]
    return _plain(start, "503 Service Unavailable", "text/html; charset=utf-8", _BUSY, more)


def _refused_as_ok(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    body = json.dumps(Refusal(Code.RULE_BROKEN, "name: breaks a rule").body).encode()
    return _plain(start, "200 OK", "application/json", body)


def _refused_as_success(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Published error examples pair `success: true` with an error code."""
    body = json.dumps(Refusal(Code.RULE_BROKEN, "name: breaks a rule").body | {"success": True}).encode()
    return _plain(start, "422 Unprocessable Entity", "application/json", body)


def _garbage(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    return _plain(start, "200 OK", "application/json", b'{"success": true, "merchants": [{"guid": ')


def _redirect(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    return _plain(start, "302 Found", "text/plain", b"Moved", [("Location", "/healthz?redirected=1")])


def _huge(fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return _padded(int(fault.amount))


def _padded(mebibytes: int) -> Iterator[bytes]:
    yield b'{"success":true,"padding":"'
    for _ in range(mebibytes):
        yield b"x" * _MEBIBYTE
    yield b'"}'


def _cut(part: bytes) -> Iterator[bytes]:
    yield part
    raise _closed()


def _dripping(body: bytes, pause: float) -> Iterator[bytes]:
    for start in range(len(body)):
        time.sleep(pause)
        yield body[start : start + 1]


def _refused(refusal: Refusal, start: StartResponse) -> Iterable[bytes]:
    reasons = {401: "401 Unauthorized", 422: "422 Unprocessable Entity", 500: "500 Internal Server Error"}
    more = [("WWW-Authenticate", 'Basic realm="Provisioning API"')] if refusal.status == 401 else []
    body = json.dumps(refusal.body).encode()
    return _plain(start, reasons[refusal.status], "application/json", body, more)


def _plain(
    start: StartResponse, status: str, kind: str, body: bytes, more: list[tuple[str, str]] | None = None
) -> Iterable[bytes]:
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *(more or [])])
    return [body]


def _start_nothing(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
    return BytesIO().write


def _start_into(kept: list[Any]) -> StartResponse:
    """A start_response that keeps status and headers for later."""

    def start(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        kept[:] = [status, headers]
        return BytesIO().write

    return start


def _wait(environ: WSGIEnvironment, seconds: float) -> None:
    """Waits, but no longer than the client does: a thread must not be held for someone who left."""
    _drain(environ)
    connection: socket.socket = environ["gunicorn.socket"]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, 0.5))
        if readable and not connection.recv(1, socket.MSG_PEEK):
            raise _closed()
        if readable:
            time.sleep(min(left, 0.05))


def _drain(environ: WSGIEnvironment) -> None:
    """Takes the request body off the socket: what becomes readable later is the client leaving."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
