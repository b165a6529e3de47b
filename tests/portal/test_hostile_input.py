"""Whatever identifier, query, method, cookie or content type is sent to an address: never an HTTP 500."""

import uuid
from urllib.parse import quote

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from portal.changes.models import Change, State
from portal.changes.payloads import payload_seal
from portal.directory.services import entry_store
from portal.wsgi import application
from provisioning import service
from provisioning.connections.models import Connection
from tests.access_table import TABLE
from tests.portal.changes.conftest import merchant_made

MEGABYTE = "x" * 1024 * 1024
NASTY = (
    "", "\x00", "a\x00b", "\ud800", "\uffff\U0010ffff", "x" * 300, "x" * 5000, "-1", "1e400", "NaN",
    "9" * 5000,
    str(2**63), str(-(2**70)), "..", "../../x", "..%2f..", "a/b", "a?b#c", "a\r\nX-Evil: 1", "%00", "%ff",
    "'; --",
    "{{7*7}}", "<script>", "[]", "{}", '{"a":' * 900 + "1" + "}" * 900, '{"a": 1e400}', "ﷺ" * 40,
    MEGABYTE,
)  # fmt: skip
IDS = {"guid", "connection", "uidb36", "key"}


@pytest.fixture
def house(connection, admin, client_of):
    """An admin's browser, and the addresses of things that exist."""
    merchant = merchant_made(connection.tenant_guid)
    made = service.perform(
        "merchant_user.create", connection="sandbox", target=merchant.guid,
        payload={"type": "api", "username": f"u{uuid.uuid4().hex[:10]}", "password": "Aa1!Aa1!Aa1!Aa1!"},
    )  # fmt: skip
    connector = service.perform(
        "connector.create", connection="sandbox", target=merchant.guid,
        payload={"name": "ACME", "adapter": "Simulator", "method": "Creditcard", "apiKey": uuid.uuid4().hex},
    )  # fmt: skip
    for room, entity in (
        ("merchant_user", made.entity),
        ("connector", connector.entity),
        ("merchant", merchant),
    ):
        assert entity is not None, room
        entry_store(connection="sandbox", entity=entity, tenant_guid=connection.tenant_guid)
    change = Change(operation="merchant.update", state=State.PREPARED, connection="sandbox", actor=admin)
    change.sealed_payload = payload_seal(change, {"city": "Linz"})
    change.save()
    guids = {
        "tenants": connection.tenant_guid,
        "merchants": merchant.guid,
        "merchant_users": made.entity.guid,
        "connectors": connector.entity.guid,
        "changes": change.pk,
    }
    browser = client_of(admin)
    browser.raise_request_exception = False
    return browser, guids


def address(name: str, guids: dict, **kwargs) -> str:
    """The address of a page about something that exists, unless kwargs say otherwise."""
    room = name.partition(":")[0]
    values = dict(TABLE[name].kwargs)
    for key in values:
        if key == "connection":
            values[key] = "sandbox"
        if key in ("guid", "pk") and room in guids:
            create = name in ("merchant_users:create", "connectors:create")
            values[key] = guids["merchants" if create else room]
    return reverse(name, kwargs={**values, **kwargs})


@pytest.fixture
def paused(connection, house):
    """The gateway is not asked: what is looked up nowhere else makes a slow test."""
    Connection.objects.update(is_paused=True)


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
    body = b'--x\r\nContent-Disposition: form-data; name="login"\r\n\r\n\xff\xfe\x00\r\n--x--\r\n'
    request = RequestFactory().generic(method, "/accounts/login/?next=%2F%41", body, content_type=KINDS[-2])
    statuses = []
    environ = {**request.environ, "CONTENT_TYPE": kind}
    b"".join(application(environ, lambda status, headers: statuses.append(int(status[:3]))))
    assert statuses[0] < 500
