"""Bounds on what an answer may hold and on how long a page waits, each failure with its true reason."""

import gzip
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from provisioning.gateway import responses, retry_after, transport
from provisioning.gateway.decoding import decode_body
from provisioning.gateway.errors import TOO_LARGE, NotSent, OutcomeUnknown, Refused
from provisioning.gateway.responses import UnreadableError
from provisioning.gateway.timing import time_limit
from tests.provisioning.gateway.callers import READ, WRITE, accepted, failure
from tests.provisioning.gateway.wire import says, wire


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        (b'{"success": true, "merchants": [' + b",".join([b"{}"] * 1_300_000) + b"]}", "2,500,000 values"),
        (b'{"success": true, "merchants": [' + b",".join([b"1"] * 100_001) + b"]}", "100,000 rows"),
        (b'{"merchants": "' + b"x" * (65 * 1024 * 1024) + b'"}', "64 MiB"),
    ],
    ids=["objects", "rows", "bytes"],
)
def test_a_list_beyond_a_bound_is_refused_with_the_bound(body, bound):
    with wire(says(body)) as server:
        began = time.monotonic()
        error = failure(server.url, READ)
    assert error.detail == TOO_LARGE and f"larger than allowed: more than {bound}." in str(error)
    assert "Trying again does not help" in str(error) and "in a moment" not in str(error)
    assert time.monotonic() - began < 10


def test_an_answer_that_is_not_a_list_has_a_lower_limit():
    with wire(says('{"success": true, "merchant": [' + ",".join(["1"] * 100_001) + "]}")) as server:
        error = failure(server.url, WRITE)
    assert isinstance(error, OutcomeUnknown) and "more than 100,000 values" in str(error)


@pytest.mark.parametrize("depth", [101, 300, 900, 5_000, 200_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_one_value_nested_too_deeply_does_not_spoil_a_list(depth, opening):
    closing = "]" if opening == "[" else "}"
    deep = opening * depth + "1" + closing * depth
    rows = f'[{{"guid": "ME-1", "city": {deep}, "name": "]]}}"}}, {{"guid": "ME-2", "name": "Rosa"}}]'
    with wire(says(f'{{"success": true, "merchants": {rows}}}')) as server:
        found = accepted(server.url, READ).body["merchants"]
    assert [row["guid"] for row in found] == ["ME-1", "ME-2"] and found[1]["name"] == "Rosa"
    assert found[0]["name"] == "]]}" and responses.TOO_DEEP in json.dumps(found[0], ensure_ascii=False)


def test_the_cause_of_a_handshake_that_hangs_is_not_the_name_also_for_a_read():
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = failure(f"https://localhost:{server.getsockname()[1]}", READ, deadline=1.0)
    assert type(error) is NotSent and error.detail == "tls_slow" and "TLS handshake" in str(error)
    assert "name" not in str(error)


def test_a_name_server_that_hangs_has_a_cause_of_its_own(monkeypatch):
    def hangs(*_, **__):
        time.sleep(3)
        raise OSError

    monkeypatch.setattr(transport.socket, "getaddrinfo", hangs)
    error = failure("https://gateway.example.org", READ, deadline=0.5)
    assert type(error) is NotSent and error.detail == "name_slow" and "name servers" in str(error)


JSON_NO = '{"success": false, "errorMessage": "slow down"}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        ("429 Too Many Requests", JSON_NO, Refused, "rate limit"),
        ("429 Too Many Requests", "<h1>no</h1>", OutcomeUnknown, "rate limit"),
        ("503 Service Unavailable", '{"success": false, "errorCode": 9999}', OutcomeUnknown, "unavailable"),
        ("503 Service Unavailable", "<h1>no</h1>", OutcomeUnknown, "unavailable"),
        ("403 Forbidden", JSON_NO, Refused, "does not allow"),
        ("403 Forbidden", "<h1>no</h1>", OutcomeUnknown, "does not allow"),
        ("409 Conflict", JSON_NO, Refused, "conflicts"),
        ("409 Conflict", "<h1>no</h1>", OutcomeUnknown, "conflicts"),
        ("502 Bad Gateway", "<h1>no</h1>", OutcomeUnknown, "proxy"),
        ("504 Gateway Timeout", "", OutcomeUnknown, "proxy"),
    ],
)
@pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
def test_each_status_has_the_right_message(call, status, body, kind, words):
    with wire(says(body, status=status)) as server:
        error = failure(server.url, call)
    assert type(error) is kind and words in str(error) and f"HTTP {status[:3]}" in str(error)
    assert error.http_status == int(status[:3]) and error.retry_at is None
    assert ("may or may not have been made" in str(error)) == (call.writes and kind is OutcomeUnknown)


def _date(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("header", "seconds", "longer"),
    [
        ("120", 120, False),
        (" 120 ", 120, False),
        (lambda: _date(600), 600, False),
        ("86400", 3600, True),
        ("9" * 400, 3600, True),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600, True),
        ("0", None, False),
        ("-5", None, False),
        ("soon", None, False),
        ("²", None, False),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None, False),
        ("Fri, 99 Foo 2026", None, False),
    ],
)
def test_retry_after_is_read_bounded_and_shown(status, header, seconds, longer):
    value = header() if callable(header) else header
    with wire(
        says(JSON_NO, status=status, headers=f"Retry-After: {value}\r\n".encode().decode("latin-1"))
    ) as server:
        error = failure(server.url, READ)
    if seconds is None:
        assert error.retry_at is None and "Try again after" not in str(error)
        return
    assert abs((error.retry_at - datetime.now(UTC)).total_seconds() - seconds) < 5
    assert f"Try again after {retry_after.clock(error.retry_at)}." in str(error)
    assert ("asked for a longer wait" in str(error)) == longer == error.longer
    assert "in a moment" not in str(error)


def test_other_statuses_do_not_make_the_portal_wait():
    with wire(says(JSON_NO, status="400 Bad Request", headers="Retry-After: 60\r\n")) as server:
        assert failure(server.url, READ).retry_at is None


def test_all_calls_of_a_page_share_one_limit_of_time():
    with socket.create_server(("127.0.0.1", 0)) as server, time_limit(1.5):
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        for _ in range(5):
            failure(url, READ, deadline=1.0)
        error = failure(url, WRITE, deadline=1.0)
        took = time.monotonic() - began
    assert 1.4 < took < 2.5
    assert type(error) is NotSent and "waited for the gateway as long as it may" in str(error)


def test_a_write_that_has_too_little_time_left_is_not_begun():
    with wire(says('{"success": true, "merchant": {}}')) as server:
        with time_limit(3.0):
            assert type(failure(server.url, WRITE)) is NotSent
        assert not server.requests
        with time_limit(6.0):
            accepted(server.url, WRITE)


def test_bytes_after_the_end_of_a_compressed_answer_are_not_collected():
    chunks = iter([gzip.compress(b"{}"), *[b"x" * 65536] * 10])

    class Endless:
        def read(self, amt, decode_content):
            return next(chunks)

    with pytest.raises(UnreadableError, match="gzip"):
        decode_body(Endless(), coding="gzip", cap=1024)
    assert len(list(chunks)) == 9, "one chunk is enough to know"
