"""The server under attack and while it ends: slow clients do not stop it, and it drains before it stops."""

import http.client
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
import requests

from tests.checks.tree import CHECKOUT
from tests.running.demo import free_port
from tests.running.production import production_environment
from tests.running.test_production import manage, ready, served

DRAIN = 3


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A production portal on SQLite with its tables."""
    made = production_environment(
        tmp_path_factory.mktemp("serving"),
        PORTAL_BIND=f"127.0.0.1:{free_port()}",
        WEB_DRAIN_SECONDS=str(DRAIN),
        WEB_WORKERS="1",
        WEB_THREADS="8",
    )
    done = manage(made, "migrate", "--noinput")
    assert done.returncode == 0, done.stderr
    return made


@contextmanager
def serving(environment: dict[str, str]):
    """The server's address, process and the lines that it logged, which are complete after the block."""
    process = served(environment)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    reader.start()
    try:
        address = "http://" + environment["PORTAL_BIND"]
        ready(address, process)
        yield address, process, lines
    finally:
        process.kill() if process.poll() is None else None
        process.wait(timeout=30)
        reader.join(timeout=30)


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> Iterator[str]:
    """A server for all tests that leave it running."""
    with serving(environment) as (started, *_):
        yield started


HOST = b"Host: portal.example.com\r\n"
LOGIN = b"POST /accounts/login/ HTTP/1.1\r\n" + HOST
HALF_REQUESTS = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "half the headers": b"GET / HTTP/1.1\r\nHost: portal.example.com\r\nX-Slow: ",
    "half a probe": b"GET /healthz/live HTTP/1.1\r\nHost: portal.example.com\r\nX-Slow: ",
    "half a form": (
        LOGIN + b"X-Forwarded-Proto: https\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nlogin="
    ),
    "half a file": (
        LOGIN + b"Content-Length: 900000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n" + b"y" * 100_000
    ),
    "a form to be continued": (LOGIN + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"),
    "half a chunk": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n"),
}


@pytest.mark.parametrize("sent", HALF_REQUESTS)
def test_half_sent_requests_do_not_stop_the_server(address: str, sent: str) -> None:
    """More than a hundred of them, with eight threads."""
    with ExitStack() as opened:
        for _ in range(110):
            slow = opened.enter_context(socket.create_connection(_place(address), timeout=30))
            slow.sendall(HALF_REQUESTS[sent])
        began = time.monotonic()
        for path in ("/healthz/live", "/healthz/ready", "/accounts/login/"):
            answer = requests.get(address + path, timeout=10, allow_redirects=False)
            assert answer.status_code in (200, 301)
        assert time.monotonic() - began < 3


def test_a_slow_head_is_ended_and_a_slow_but_whole_form_is_answered(address: str) -> None:
    with socket.create_connection(_place(address), timeout=30) as slow:
        for byte in LOGIN + b"Content-Length: 9\r\n\r\n":
            slow.sendall(bytes([byte]))
        for byte in b"login=ada":
            slow.sendall(bytes([byte]))
            time.sleep(0.05)
        assert slow.recv(9000).startswith(b"HTTP/1.1 301")
    with socket.create_connection(_place(address), timeout=30) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        assert slow.recv(9000).startswith(b"HTTP/1.1 408")
        assert 8 < time.monotonic() - began < 14


@pytest.mark.parametrize(
    ("request_sent", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (LOGIN + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx", 413),
        (LOGIN + b"Content-Length: " + b"0" * 5000 + b"5\r\n\r\nlogin", 413),
        (b"POST / HTTP/1.1\r\nHost: portal.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: +5\r\n\r\n", 400),
        (b"GET /" + b"y" * 5000 + b" HTTP/1.1\r\nHost: portal.example.com\r\n\r\n", 414),
        (b"\r\n\r\nGET /healthz/live HTTP/1.1\r\nHost: portal.example.com\r\n\r\n", 200),
    ],
)
def test_what_no_browser_sends_is_refused_at_once(address: str, request_sent: bytes, status: int) -> None:
    host, port = _place(address)
    other = http.client.HTTPConnection(host, port, timeout=30)
    for _ in range(2):  # before and after: another client keeps its connection
        other.request("GET", "/healthz/live")
        other.auto_open = 0
        assert other.getresponse().read()
        with socket.create_connection((host, port), timeout=30) as client:
            client.sendall(request_sent)
            assert client.recv(9000).startswith(b"HTTP/1.1 %d" % status)


def test_a_client_that_sends_a_body_too_long_reads_why_it_is_refused(address: str) -> None:
    size = 13 * 1024 * 1024
    with socket.create_connection(_place(address), timeout=30) as client:
        client.sendall(LOGIN + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert client.recv(9000).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "ended",
    [
        b"GET /healthz/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"X\r\n\r\n",
    ],
)
def test_clients_that_keep_an_ended_connection_open_do_not_block_others(address: str, ended: bytes) -> None:
    with ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(socket.create_connection(_place(address), timeout=30)).sendall(ended)
        began = time.monotonic()
        assert requests.get(address + "/healthz/live", timeout=60).status_code == 200
        assert time.monotonic() - began < 1.5


def test_requests_on_one_connection_are_answered_in_order(address: str) -> None:
    probe = b"GET /healthz/live HTTP/1.1\r\nHost: portal.example.com\r\n\r\n"
    with socket.create_connection(_place(address), timeout=30) as client:
        client.sendall(probe + probe + probe[:20])
        received = b""
        while received.count(b'"alive"') < 2:
            received += client.recv(9000)
        client.sendall(probe[20:])
        while received.count(b'"alive"') < 3:
            received += client.recv(9000)
        session = requests.Session()
        assert [session.get(address + "/healthz/live", timeout=9).status_code for _ in range(3)] == [200] * 3


def test_a_large_form_arrives_complete_with_or_without_expect_continue(address: str) -> None:
    for headers in ({}, {"Expect": "100-continue"}):
        answer = requests.post(
            address + "/accounts/login/",
            data=b"x" * 5_000_000,
            headers=headers,
            timeout=30,
            allow_redirects=False,
        )
        assert answer.status_code == 301


def test_the_server_goes_on_while_it_drains_and_says_so(environment: dict[str, str]) -> None:
    with serving(environment | {"PORTAL_BIND": f"127.0.0.1:{free_port()}"}) as (address, process, lines):
        process.send_signal(signal.SIGTERM)
        began, unready = time.monotonic(), 0.0
        while time.monotonic() - began < DRAIN - 0.7:
            answer = requests.get(address + "/healthz/ready", timeout=5)
            assert requests.get(address + "/healthz/live", timeout=5).status_code == 200
            if answer.status_code == 503:
                unready = unready or time.monotonic() - began
                assert "shutting down" in answer.json()["checks"]["server"]
            assert (
                requests.get(address + "/accounts/login/", timeout=5, allow_redirects=False).status_code
                == 301
            )
            time.sleep(0.1)
        assert 0 < unready < 1.5
        assert process.wait(timeout=30) == 0
        assert DRAIN - 0.5 < time.monotonic() - began < DRAIN + 6
    assert all(json.loads(line)["message"] for line in lines), "every line is JSON"
    assert [line for line in lines if "draining" in line]


def test_a_second_signal_ends_the_draining(environment: dict[str, str]) -> None:
    slow = {"PORTAL_BIND": f"127.0.0.1:{free_port()}", "WEB_DRAIN_SECONDS": "60"}
    with serving(environment | slow) as (_, process, _):
        process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


WRITE = """
import time
import portal.wsgi
from django.db import OperationalError
from portal.staff.models import User
began = time.monotonic()
try:
    User.objects.filter(pk=0).update(first_name="")
except OperationalError:
    print(time.monotonic() - began)
"""


def test_a_page_gives_up_on_a_locked_database_within_20_seconds(environment: dict[str, str]) -> None:
    with closing(sqlite3.connect(f"{environment['PORTAL_DATA_DIR']}/portal.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        command = [sys.executable, "-c", WRITE]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True, timeout=60
        )
    assert 5 < float(done.stdout) < 20


def _place(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)
