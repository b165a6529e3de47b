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
# Values and properties that no page lists. Readers must keep them (/api/forward-compatibility).
FUTURE_TRANSACTION_TYPE = "incremental_authorization"
FUTURE_PERMISSION = "frontend.disputes.show"
FUTURE_SETTING = "tx:future-option"
_FUTURE_LISTS = {"disabledTransactionTypes": FUTURE_TRANSACTION_TYPE, "permissions": FUTURE_PERMISSION}
_FUTURE_TEXTS = {"postbackFormat": "4-512", "networkTokenizationEnabled": "suspended"}
_FUTURE_PROPERTY = {"regulatoryProfile": {"scheme": "PSD3", "level": 2}}
_FUTURE_OF_TERMINALS = {"softwareVersion": "7.1"}
# Source: README of the contract, contradiction 1.
_SLIPS = {
    "adapter": "Adapter",
    "apiKey": "APIKey",
    "apiSecret": "APISecret",
    "merchantGuid": "MerchantGUID",
    "postbackFormat": "PostbackFormat",
    "scheduleApiAvailable": "scheduleAPIAvailable",
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
        if fault.kind in ("latency", "hang", "reset", "huge"):
            return self._disturb(fault, environ, start)
        return self._spoil_answer(fault, environ, start)

    def _disturb(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Disturb the request before anything is carried out; only after a latency it is."""
        connection: socket.socket = environ["gunicorn.socket"]
        if fault.kind == "reset":
            # With lingering switched off, closing sends RST. gunicorn would send FIN before it closes, so the
            # connection is closed here, by putting another socket in its place for gunicorn to close.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stand_in, other_end = socket.socketpair()
            with stand_in, other_end:
                os.dup2(stand_in.fileno(), connection.fileno())
            raise _connection_closed()
        if fault.kind == "huge":

            def send_padding() -> Iterator[bytes]:
                yield b'{"success":true,"padding":"'
                for _ in range(int(fault.amount)):
                    yield b"x" * _MEBIBYTE
                yield b'"}'

            start("200 OK", [("Content-Type", _JSON)])
            return send_padding()
        # Wait, but no longer than the client does, so that no thread is held for a client that left.
        _drain(environ)
        end = time.monotonic() + fault.amount
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([connection], [], [], min(left, 0.5))
            if readable and not connection.recv(1, socket.MSG_PEEK):
                raise _connection_closed()
            if readable:
                time.sleep(min(left, 0.05))
        if fault.kind == "hang":
            raise _connection_closed()
        return self._application(environ, start)

    def _spoil_answer(self, fault: Fault, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Carry out the operation, then rewrite its answer, slow it down, cut it off or drop it."""
        if fault.kind == "future" and environ.get("REQUEST_METHOD") == "POST":
            # A newer gateway would accept the future values.
            _drain(environ)
            sent = _rewrite(environ["wsgi.input"].read(), _remove_future)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(sent), str(len(sent))
        caught: list[Any] = []

        def catch_start(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
            caught[:] = [status, headers]
            return BytesIO().write

        answer = self._application(environ, catch_start)
        try:
            body = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close:
                close()
        if fault.kind == "commit-then-drop":
            raise _connection_closed()
        status, headers = caught
        if fault.kind in ("future", "misspelt"):
            body = _rewrite(body, _add_future if fault.kind == "future" else _misspell)
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
            start(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]
        start(status, headers)

        def send_half() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            raise _connection_closed()

        def send_slowly() -> Iterator[bytes]:
            for position in range(len(body)):
                time.sleep(fault.amount / len(body))
                yield body[position : position + 1]

        return send_half() if fault.kind == "truncated" else send_slowly()


def _connection_closed() -> OSError:
    """Return the error on which gunicorn closes the connection silently, as if the client had left."""
    return OSError(errno.EPIPE, "closed as ordered by a fault")


def _send(
    start: StartResponse, status: str, kind: str, body: bytes, more: list[tuple[str, str]] | None = None
) -> Iterable[bytes]:
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *(more or [])])
    return [body]


def _drain(environ: WSGIEnvironment) -> None:
    """Read the request body, so that a socket that becomes readable later means that the client left."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))


def _rewrite(body: bytes, change: Callable[[Any], Any]) -> bytes:
    """Return a JSON body with `change` made to its value; a body that is not JSON as it is."""
    try:
        return json.dumps(change(json.loads(body)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return body


def _add_future(value: Any) -> Any:
    """Add values newer than the contract to each entity of an answer."""
    if isinstance(value, list):
        return [_add_future(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _add_future(item) for name, item in value.items()}
    for name, future in _FUTURE_LISTS.items():
        if isinstance(found.get(name), list):
            found[name] = [*found[name], future]
    found |= {name: future for name, future in _FUTURE_TEXTS.items() if name in found}
    if "settings" in found:
        found["settings"] = {**(found["settings"] or {}), FUTURE_SETTING: "1"}
    if "terminalId" in found:
        found |= _FUTURE_OF_TERMINALS
    return found | _FUTURE_PROPERTY if "guid" in found and "name" in found else found


def _remove_future(value: Any) -> Any:
    """Remove those values from a request."""
    if not isinstance(value, dict):
        return value
    future = _FUTURE_TEXTS | _FUTURE_OF_TERMINALS
    found = {name: item for name, item in value.items() if name not in future or item != future[name]}
    for name, item in value.items():
        if isinstance(item, list):
            kept = [each for each in item if each not in _FUTURE_LISTS.values()]
            found[name] = [_remove_future(each) for each in kept]
    return found


def _misspell(value: Any) -> Any:
    """Spell properties as the published examples do, permissions as one text (contradictions 1 and 5)."""
    if isinstance(value, list):
        return [_misspell(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {_SLIPS.get(name, name): _misspell(item) for name, item in value.items()}
    if isinstance(found.get("permissions"), list):
        found["permissions"] = " ".join(found["permissions"])
    return found
