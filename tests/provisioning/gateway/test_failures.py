"""Every way an exchange can fail ends in the one right error, over real sockets."""

import errno
import gzip
import json
import os
import socket
import struct
from dataclasses import replace

import pytest

from provisioning.gateway import transport
from provisioning.gateway.errors import (
    UNUSUAL,
    AnswerTooLarge,
    EntityNotFound,
    NotAuthorised,
    NotSent,
    Refused,
)
from tests.provisioning.gateway.callers import (
    CANARIES,
    PASSWORD,
    PAYLOAD_SECRET,
    READ,
    WRITE,
    accepted,
    failure,
    unknown,
)
from tests.provisioning.gateway.wire import certificate, raw, response, says, wire

BOTH = pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
ACCEPTING = '{"success": true, "merchants": [], "merchant": {"guid": "ME-1"}}'


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@BOTH
def test_a_refused_connection_is_not_sent(call):
    error = failure(f"http://127.0.0.1:{_closed_port()}/api", call)
    assert type(error) is NotSent and "refused the connection" in str(error)
    assert str(error).endswith("Nothing was sent.")


@BOTH
@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES])
def test_a_gateway_without_a_route_is_not_sent(monkeypatch, call, number):
    """A firewall or a network that is down: no connection, so no outcome is in doubt."""

    def connect(_socket, _address):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(transport.DeadlineSocket, "connect", connect)
    error = failure("http://127.0.0.1:9", call)
    assert type(error) is NotSent and error.detail == "unreachable"
    assert os.strerror(number).lower() in str(error) and str(error).endswith("Nothing was sent.")


@BOTH
def test_an_unresolvable_host_name_is_reported_as_not_sent(call):
    error = failure("https://gateway.invalid/api", call)
    assert type(error) is NotSent and "name was not found" in str(error)


@BOTH
def test_an_untrusted_certificate_is_reported_as_not_sent(call, tmp_path):
    tls, _ = certificate(tmp_path)
    with wire(says(ACCEPTING), tls=tls) as server:
        error = failure(f"https://127.0.0.1:{server.port}", call)
    assert type(error) is NotSent and "certificate was not accepted" in str(error)
    assert server.requests == []


def test_a_trusted_certificate_for_another_name_is_not_sent(tmp_path):
    tls, ca_file = certificate(tmp_path, name="other.example.org")
    with wire(says(ACCEPTING), tls=tls) as server:
        error = failure(f"https://127.0.0.1:{server.port}", ca_file=ca_file)
    assert type(error) is NotSent and server.requests == []


def test_a_server_that_speaks_no_tls_is_not_sent():
    with wire(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        with_garbage = failure(f"https://127.0.0.1:{server.port}", deadline=1)
    assert type(with_garbage) is NotSent and "handshake" in str(with_garbage)


@BOTH
@pytest.mark.parametrize(
    "answer",
    [
        response("", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n"),
        response(ACCEPTING, status="307 Temporary Redirect", headers="Location: /elsewhere\r\n"),
        response("<html><h1>Bad gateway</h1></html>", status="502 Bad Gateway"),
        response("<html>maintenance</html>"),
        response(ACCEPTING, status="500 Internal Server Error"),
        response('{"success": false, "errorCode": 9999, "errorMessage": "x"}', status="500 Oh"),
        response('{"success": false, "errorCode": 1002}', status="503 Unavailable"),
        response('{"success": false, "errorCode": 9999}', status="422 Unprocessable"),
        response("<html>no</html>", status="403 Forbidden"),
        response("{}", status="404 Not Found"),
        response("", status="204 No Content"),
        response("{}"),
        response("[]"),
        response("null"),
        response('{"success": "true"}'),
        response('{"success": true, "errorCode": 1002}'),
        response('{"success": true, "merchants": [}'),
        response('{"success": true, "n": ' + "9" * 5000 + "}"),
        response("[" * 200_000),
        response('{"a":' * 100_000),
        response(b"\xff\xfe\x00garbage"),
        response(ACCEPTING, headers="Content-Encoding: br\r\n"),
        response(b"not gzip", headers="Content-Encoding: gzip\r\n"),
        response(gzip.compress(ACCEPTING.encode())[:-9], headers="Content-Encoding: gzip\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + ACCEPTING.encode(),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ACCEPTING.encode()[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{",
        b"220 ready to speak SMTP\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"",
    ],
)
def test_an_answer_without_a_trustworthy_verdict_leaves_the_outcome_unknown(call, answer):
    with wire(raw(answer)) as server:
        error = unknown(server.url, call)
    assert len(server.requests) == 1 if call is WRITE else len(server.requests) <= 2
    assert ("may or may not" in str(error)) is (call is WRITE)


@BOTH
def test_a_reset_leaves_the_outcome_unknown_and_only_a_read_tries_again(call):
    with wire(_reset) as server:
        unknown(server.url, call)
    assert len(server.requests) == (1 if call is WRITE else 2)


def test_an_answer_too_deep_to_record_leaves_a_write_undecided():
    deep = '{"success": true, "merchant": ' + "[" * 150 + "]" * 150 + "}"
    with wire(says(deep)) as server:
        assert "nested too deeply" in unknown(server.url).detail


def test_a_slip_of_this_program_after_sending_leaves_the_outcome_unknown(monkeypatch):
    monkeypatch.setattr("provisioning.gateway.client.classify_response", lambda *_, **__: 1 / 0)
    with wire(says(ACCEPTING)) as server:
        assert unknown(server.url).detail == "ZeroDivisionError"
    assert len(server.requests) == 1


def test_a_gzip_answer_with_something_behind_it_is_not_trusted():
    body = gzip.compress(ACCEPTING.encode()) + b"more"
    with wire(says(body, headers="Content-Encoding: gzip\r\n")) as server:
        assert "gzip" in unknown(server.url).detail


def test_a_write_never_states_two_verdicts():
    with wire(says('{"success": false, "errorCode": 1002, "success": true, "errorCode": null}')) as server:
        assert "could not be read" in str(unknown(server.url))


@pytest.mark.parametrize("size", [1_100_000, 70_000_000])
def test_a_body_larger_than_allowed_is_not_read_to_its_end(size):
    body = json.dumps({"success": True, "merchants": "x" * size}).encode()
    with wire(says(body)) as server:
        if size < 2_000_000:
            assert "larger than allowed: more than 1 MiB." in str(unknown(server.url, WRITE))
            return
        error = failure(server.url, READ)
    assert type(error) is AnswerTooLarge
    assert "larger than allowed: more than 64 MiB." in str(error) and "Try again" not in str(error)


def test_a_caller_may_accept_less_of_a_list():
    body = json.dumps({"success": True, "merchants": [{"guid": "ME-1", "name": "x" * 90_000}]}).encode()
    with wire(says(body)) as server:
        assert type(failure(server.url, replace(READ, size_cap=50_000))) is AnswerTooLarge
        assert accepted(server.url, replace(READ, size_cap=100_000)).body["success"]


def test_a_gzip_bomb_is_not_unpacked():
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)
    with wire(says(bomb, headers="Content-Encoding: gzip\r\n")) as server:
        assert "larger than allowed" in failure(server.url, READ).detail


def test_a_redirect_is_never_followed_with_the_credential():
    with wire(says(ACCEPTING)) as other:
        location = f"Location: {other.url}\r\n"
        with wire(says("", status="302 Found", headers=location)) as server:
            unknown(server.url, WRITE)
            unknown(server.url, READ)
    assert other.requests == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "field"),
    [
        ("401 Unauthorized", (False, 1000, "Unauthorized"), NotAuthorised, 1000, ""),
        ("422 X", (False, 1004, "name: nameInvalid characters"), Refused, 1004, "name"),
        ("422 X", (True, 1005, "name: missing"), Refused, 1005, "name"),
        ("422 X", (False, "1002", "Error: in the name"), Refused, 1002, ""),
        ("422 X", (False, 1007, "Merchant 'ME-9' does not exist"), EntityNotFound, 1007, ""),
        ("404 X", (False, 1007, "Connector 'CO-9' does not exist"), EntityNotFound, 1007, ""),
        ("422 X", (False, 1014, "Malformed at 'tree/else'"), Refused, 1014, "tree/else"),
        ("200 OK", (False, 1003, "name: bad format"), Refused, 1003, "name"),
        ("200 OK", (False, None, "no"), Refused, None, ""),
        ("422 X", (False, None, "no"), Refused, None, ""),
        ("422 X", (False, "NOT_ALLOWED", "not enabled"), Refused, "NOT_ALLOWED", ""),
        ("429 X", (False, 4711, "slower"), Refused, 4711, ""),
    ],
)
def test_a_parsed_no_is_a_refusal_with_code_and_field(status, body, kind, code, field):
    success, error_code, message = body
    said = json.dumps({"success": success, "errorCode": error_code, "errorMessage": message})
    with wire(says(said, status=status, headers="X-Request-Id: r-1\r\n")) as server:
        for call in (WRITE, READ):
            error = failure(server.url, call)
            assert type(error) is kind and error.code == code
            assert error.gateway_message == message and error.request_id == "r-1"
            assert error.http_status == int(status[:3])
            assert error.field == (field if call is WRITE or "/" in field else "")
    assert len(server.requests) == 2


TURNED_DOWN = [
    response("", status="401 Unauthorized"),
    response("<html>no</html>", status="401 Unauthorized"),
    response('{"message":"Unauthorized"}', status="401 Unauthorized"),
    response("[" * 200_000, status="401 Unauthorized"),
    response(b"not gzip", status="401 Unauthorized", headers="Content-Encoding: gzip\r\n"),
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5000\r\n\r\n{",
]


@BOTH
@pytest.mark.parametrize("answer", TURNED_DOWN)
def test_a_401_refuses_the_credential_whatever_its_body(call, answer):
    with wire(raw(answer)) as server:
        error = failure(server.url, call)
    assert type(error) is NotAuthorised and error.http_status == 401 and error.detail == UNUSUAL
    assert "does not look like the gateway's" in str(error)
    assert ("Nothing was changed" in str(error)) is (call is WRITE)
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [{"success": True}, {"success": False, "errorCode": 9999}])
def test_a_401_that_contradicts_itself_leaves_the_outcome_unknown(body):
    with wire(says(json.dumps(body), status="401 Unauthorized")) as server:
        unknown(server.url)


def test_a_refusal_that_quotes_a_secret_is_scrubbed():
    said = {"success": False, "errorCode": 1004, "errorMessage": f"password: {PAYLOAD_SECRET}, {PASSWORD}"}
    with wire(says(json.dumps(said), status="422 X")) as server:
        assert failure(server.url).gateway_message == "password: ••••••, ••••••"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (1004, f"Authorization: Basic {CANARIES[-1]}"),
        (1004, "x" * 1995 + PAYLOAD_SECRET),
        (1014, f"Malformed at '{PAYLOAD_SECRET}'"),
        (PAYLOAD_SECRET, "no"),
    ],
)
def test_no_part_of_a_refusal_quotes_a_secret(code, message):
    said = {"success": False, "errorCode": code, "errorMessage": message}
    with wire(says(json.dumps(said), status="422 X")) as server:
        error = failure(server.url)
    assert "canar" not in error.gateway_message
    assert len(error.gateway_message) <= 2000
