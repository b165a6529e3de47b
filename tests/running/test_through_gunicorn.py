"""What only shows through gunicorn: whose headers count, and how much of a body is read."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings

from tests.conftest import PASSPHRASE
from tests.running.through_gunicorn import Served, portal_served

LOGIN = "/accounts/login/"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for temporary files of the served portal."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture
def portal(transactional_db: None, temporary: Path) -> Iterator[Served]:
    """The portal under gunicorn; no proxy is trusted."""
    with portal_served(settings.PORTAL_ENCRYPTION_KEYS, TMPDIR=str(temporary), WEB_THREADS="24") as running:
        yield running


def token(portal: Served) -> tuple[str, str]:
    """Return the cookie header and the form token of the sign-in page."""
    _, page = portal.send(f"GET {LOGIN} HTTP/1.1")
    cookie = re.search(r"csrftoken=(\w+)", page)
    field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert cookie and field
    return f"Cookie: csrftoken={cookie[1]}", field[1]


FORM = "application/x-www-form-urlencoded"


def post(portal: Served, body: bytes, *headers: str, kind: str = FORM, source: str = "127.0.0.1"):
    """Post to the sign-in page with a valid token cookie."""
    head = [f"POST {LOGIN} HTTP/1.1", f"Content-Type: {kind}", *headers]
    return portal.send("\r\n".join(head), body, source=source)


def sign_in(portal: Served, name: str, password: str, source: str = "127.0.0.1") -> tuple[int, str]:
    """Sign in from an address of this machine."""
    cookie, field = token(portal)
    form = urlencode({"csrfmiddlewaretoken": field, "login": name, "password": password}).encode()
    return post(portal, form, f"Content-Length: {len(form)}", cookie, source=source)


PREFIX = "/totally/harmless/help"
PATH_HEADERS = [
    f"SCRIPT_NAME: {PREFIX}", f"Script-Name: {PREFIX}", f"script_name: {PREFIX}", f"X-Script-Name: {PREFIX}",
    f"X-Forwarded-Prefix: {PREFIX}", "PATH_INFO: /healthz/live", "Path-Info: /healthz/live",
    "X-Original-URL: /healthz/live", "X-Rewrite-URL: /healthz/live",
]  # fmt: skip
SCHEME_HEADERS = [
    "X-Forwarded-Proto: https", "X-Forwarded-Ssl: on", "X-Forwarded-Protocol: ssl",
    "X_Forwarded_Proto: https", "X_FORWARDED_SSL: on", "X-Forwarded_Proto: https",
    "Forwarded: proto=https", "X-Scheme: https",
    "X-Url-Scheme: https", "Front-End-Https: on",
]  # fmt: skip


def test_no_header_of_a_peer_moves_the_path_or_the_scheme(portal: Served) -> None:
    for header in PATH_HEADERS:
        status, answer = portal.send(f"GET {PREFIX}/healthz/live HTTP/1.1\r\n{header}")
        assert status in (302, 404) and "alive" not in answer, header
    cookie, field = token(portal)
    for number, header in enumerate(SCHEME_HEADERS):
        form = f"csrfmiddlewaretoken={field}&login=nobody{number}&password=wrong".encode()
        # A request that counted as HTTPS would need a Referer, and would be refused without one.
        status, answer = post(portal, form, f"Content-Length: {len(form)}", cookie, header)
        assert status == 200 and "Wrong username or password" in answer, header


def multipart(field: str, size: int) -> tuple[str, bytes]:
    """Return the content type and a form with one file part of `size` bytes."""
    part = (
        f'--b\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{field}\r\n'
        '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    )
    return "multipart/form-data; boundary=b", part.encode() + b"x" * size + b"\r\n--b--\r\n"


def test_a_stranger_s_upload_is_refused_before_it_is_read(portal: Served, temporary: Path) -> None:
    cookie, field = token(portal)
    kind, body = multipart(field, 64 * MIB)
    began = time.monotonic()
    status, _ = post(portal, body, cookie, f"Content-Length: {len(body)}", kind=kind)
    assert status in (413, 0)  # 0: closed while the rest was being sent
    stated, _ = post(portal, b"x", cookie, f"Content-Length: {200 * MIB}", kind=kind)
    assert stated == 413 and time.monotonic() - began < 5
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body[:MIB]), body[:MIB])
    assert post(portal, chunked, cookie, "Transfer-Encoding: chunked", kind=kind)[0] == 411
    small, body = multipart(field, 10)
    assert post(portal, body, cookie, f"Content-Length: {len(body)}", kind=small)[0] == 400
    assert not [file for file in temporary.iterdir() if file.is_file()]


def test_a_form_within_the_bound_is_still_read(portal: Served) -> None:
    cookie, field = token(portal)
    form = f"csrfmiddlewaretoken={field}&login=nobody&password=wrong&more={'x' * MIB}".encode()
    status, answer = post(portal, form, f"Content-Length: {len(form)}", cookie)
    assert status == 200 and "Wrong username or password" in answer


def test_one_stranger_does_not_keep_others_out_of_sign_in(person, portal: Served) -> None:
    for number in range(12):
        person(f"guest{number}", "Support agent", PASSPHRASE)
    over, refused = threading.Event(), []

    def stranger(number: int) -> None:
        cookie, field = token(portal)
        while not over.is_set():
            form = f"csrfmiddlewaretoken={field}&login=nobody{number}&password=wrong".encode()
            refused.append(post(portal, form, f"Content-Length: {len(form)}", cookie, source="127.0.0.9")[0])

    threads = [threading.Thread(target=stranger, args=(number,)) for number in range(44)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        answers = [
            sign_in(portal, f"guest{number}", PASSPHRASE, f"127.0.1.{number}")[0] for number in range(12)
        ]
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert answers == [302] * 12
    assert len(refused) > 100  # it was a flood, far beyond the limit of its address
