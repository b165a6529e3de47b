"""A portal with something behind every address, and an admin's browser that never raises."""

import logging
import re
import sys
import traceback
import uuid
from io import BytesIO
from urllib.parse import unquote_to_bytes

import pytest
from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory

from portal.changes.models import Change, State
from portal.changes.records import seal_payload
from portal.directory.services import store_entity
from provisioning import service
from provisioning.credentials.credential_lifecycle import revoke_all_credentials
from tests.conftest import PASSPHRASE
from tests.gateway import gateway_started
from tests.portal.changes.conftest import fault, merchant_made  # noqa: F401 - a fixture
from tests.portal.hostile.inputs import address


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One of its own: the thousands of things made here would fill the lists that other tests look at."""
    started = gateway_started(tmp_path_factory.mktemp("hostile-gateway"))
    yield started
    started.stop()


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
        store_entity(connection="sandbox", entity=entity, tenant_guid=connection.tenant_guid)
    change = Change(operation="merchant.update", state=State.PREPARED, connection="sandbox", actor=admin)
    change.sealed_payload = seal_payload(change, {"city": "Linz"})
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


@pytest.fixture
def paused(connection, house):
    """The gateway is not asked: what is looked up nowhere else makes a slow test."""
    revoke_all_credentials(connection=connection, by="tests")


@pytest.fixture
def visitor(house, admin, person, settings):
    """Sends requests and keeps what broke: `sent`, `broken` (what was wrong → the first such request)."""
    settings.LOGIN_ATTEMPTS = settings.LOGIN_ADDRESS_ATTEMPTS = 1_000_000  # each input is to be looked at
    settings.ACCOUNT_RATE_LIMITS = False
    admin.set_password(PASSPHRASE)
    admin.save()
    browser, guids = house
    browser.force_login(admin)
    guids["staff"] = person("bob", "Support agent").pk
    made = Visitor(browser, admin, guids)
    logging.disable(logging.CRITICAL)
    got_request_exception.connect(made.noted)
    yield made
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    got_request_exception.disconnect(made.noted)
    logging.disable(logging.NOTSET)


class Visitor:
    """An admin's browser, and a stranger's for what only strangers see, at the door that gunicorn knocks at.

    `sent` counts requests, `again` how often the admin had to come back in; `broken` is what was wrong and
    the first request that showed it.
    """

    STRANGERS = ("account_login", "mfa_authenticate", "staff:link_open", "staff:password_set", "staff:sso")
    TOKEN = "t" * 32

    def __init__(self, browser, admin, guids):
        self.browser, self.admin, self.guids = browser, admin, guids
        self.sent, self.broken, self.again, self._last = 0, {}, 0, ""
        self._come_in()

    def fields(self, name):
        """The names that the forms of a page have."""
        page = self.visit(name, method="GET", path=address(name, self.guids))[2].decode()
        return sorted(set(re.findall(r'\bname="([^"]+)"', page)) - {"csrfmiddlewaretoken", "viewport"})

    def visit(self, name, *, method, path, data=b"", **environ):
        """Sends one request and returns status, headers and body; what breaks is kept."""
        cookies = f"csrftoken={self.TOKEN}; " + ("" if name in self.STRANGERS else self._session)
        place, _, query = path.partition("?")
        whole = {
            **RequestFactory()._base_environ(),
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(place).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_X_CSRFTOKEN": self.TOKEN,
            "wsgi.input": BytesIO(data),
            **environ,
            "HTTP_COOKIE": f"{cookies}; {environ.get('HTTP_COOKIE', '')}",
        }
        self._last = ""
        status, headers, body = answered(whole)
        self.sent += 1
        if status == 500 or self._last:
            self.broken.setdefault((name, self._last), (method, path, data[:2000], environ))
        if headers.get("Location", "").startswith("/accounts/login/") and name not in self.STRANGERS:
            self._come_in()
        return status, headers, body

    def noted(self, sender, **_):
        """The place where the program broke."""
        kind, error, trace = sys.exc_info()
        place = [
            f"{frame.filename.rsplit('/', 1)[1]}:{frame.lineno}" for frame in traceback.extract_tb(trace)
        ]
        self._last = f"{kind.__name__}: {str(error)[:200]} at {' < '.join(reversed(place[-3:]))}"

    def _come_in(self):
        """Anyone who signed out, or was, comes in again."""
        self.again += 1
        self.browser.cookies.clear()
        self.browser.force_login(self.admin)
        self._session = "; ".join(f"{name}={morsel.value}" for name, morsel in self.browser.cookies.items())


def answered(environ):
    """What the portal's WSGI application says."""
    from portal.wsgi import application  # it looks into the database as it starts

    for signal in (request_started, request_finished):  # the test's transaction outlives a request
        signal.disconnect(close_old_connections)
    begun = []
    answer = application(environ, lambda status, headers: begun.extend((int(status[:3]), dict(headers))))
    try:
        return (*begun, b"".join(answer))
    finally:
        answer.close()
