"""Whatever identifier, query, method, cookie or content type is sent to an address: never an HTTP 500."""

from urllib.parse import quote

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, RequestFactory

from portal.staff.mfa import unlock_secrets
from tests.access_table import TABLE
from tests.conftest import PASSPHRASE
from tests.portal.hostile.inputs import BROKEN_ADDRESSES, NASTY, address

IDS = {"guid", "connection", "uidb36", "key"}


def test_no_address_breaks_on_a_hostile_identifier(house, paused):
    browser, guids = house
    broken = []
    for number, (name, row) in enumerate(TABLE.items()):
        for key in IDS & set(row.kwargs):
            path = address(name, guids, **{key: "MARKER"})
            for value in ["\x00", *NASTY[number % 4 :: 4]]:
                spelt = quote(value.encode("utf-8", "surrogatepass"), safe="")[:20000]
                if browser.get(path.replace("MARKER", spelt or "%20")).status_code == 500:
                    broken.append((name, key, value[:20]))
    assert not broken


QUERY = ("q", "page", "sort", "status", "tenant", "merchant", "country", "type", "mode", "change", "state",
         "mine", "before",
         "action", "actor", "object", "connection", "outcome", "next", "preset")  # fmt: skip


@pytest.mark.parametrize("turn", range(3))
def test_no_address_breaks_on_a_hostile_query(house, paused, turn):
    browser, guids = house
    broken = []
    for number, name in enumerate(TABLE):
        values = (NASTY[(number + 7 * turn + place) % len(NASTY)] for place in range(len(QUERY)))
        query = {
            key: value[:3000].encode("utf-8", "surrogatepass")
            for key, value in zip(QUERY, values, strict=True)
        }
        if browser.get(address(name, guids), query).status_code == 500:
            broken.append(name)
    assert not broken


@pytest.mark.parametrize("wanted", BROKEN_ADDRESSES)
def test_an_address_to_come_back_to_that_cannot_be_read_is_none(house, person, wanted):
    ana = person("ana", "Support agent", PASSPHRASE)
    with unlock_secrets(ana):
        TOTP.activate(ana, generate_totp_secret())
    waiting = Client(raise_request_exception=False)
    waiting.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    for browser in (Client(raise_request_exception=False), waiting, house[0]):
        for name, row in TABLE.items():
            if not row.public and not name.startswith(("account_", "mfa_", "staff:sso_")):
                continue
            path = address(name, house[1])
            for answer in (browser.get(path, {"next": wanted}), browser.post(path, {"next": wanted})):
                assert answer.status_code < 500, (name, path)
                assert wanted not in answer.get("Location", "")


@pytest.mark.parametrize("wanted", BROKEN_ADDRESSES)
def test_whatever_page_was_wanted_people_get_in_and_out(person, wanted):
    person("ana", "Support agent", PASSPHRASE)
    browser = Client(raise_request_exception=False)
    into = browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE, "next": wanted})
    assert into["Location"] == "/" and browser.get("/accounts/profile/").status_code == 200
    assert browser.post("/accounts/logout/", {"next": wanted}).status_code == 302
    assert browser.get("/accounts/profile/").status_code == 302


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "OPTIONS", "HEAD", "SEND"])
def test_no_method_breaks_a_page(house, paused, method):
    browser, guids = house
    answers = {name: browser.generic(method, address(name, guids)).status_code for name in TABLE}
    assert [name for name, status in answers.items() if status == 500] == []


@pytest.mark.parametrize("cookie", ['"\\000aaaaaaaaaaaaaaaa"', '"\\377\\000"', "x" * 5000, "\ud800" * 9])
def test_no_cookie_breaks_a_page(house, settings, cookie):
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages"):
        browser = Client(raise_request_exception=False)
        for path in ("/", "/accounts/login/"):
            header = f"{name}={cookie}".encode("utf-8", "surrogatepass").decode("latin-1")
            assert browser.get(path, HTTP_COOKIE=header).status_code < 500, (name, path)
            assert browser.post(path, HTTP_COOKIE=header).status_code < 500, (name, path)


@pytest.mark.parametrize("length", ["a", "-1", "1.5", "9" * 5000, "\u0661", "1 ", " "])
def test_an_invalid_content_length_is_a_bad_request(db, length):
    browser = Client(raise_request_exception=False)
    answer = browser.post("/accounts/login/", {"login": "x"}, CONTENT_LENGTH=length)
    assert answer.status_code == 400


KINDS = (
    "application/x-www-form-urlencoded; charset=hex",
    "multipart/form-data; boundary=x; charset=hex",
    'multipart/form-data; boundary=x; charset="utf-16"',
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=\x00",
    "application/json",
    "text/plain; charset*=utf-8''rot13",
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_content_type_breaks_the_portal(db, kind, method):
    from portal.wsgi import application  # it looks into the database as it starts

    body = b'--x\r\nContent-Disposition: form-data; name="login"\r\n\r\n\xff\xfe\x00\r\n--x--\r\n'
    request = RequestFactory().generic(method, "/accounts/login/?next=%2F%41", body, content_type=KINDS[-2])
    statuses = []
    environ = {**request.environ, "CONTENT_TYPE": kind}
    b"".join(application(environ, lambda status, headers: statuses.append(int(status[:3]))))
    assert statuses[0] < 500
