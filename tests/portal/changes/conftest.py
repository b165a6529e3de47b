"""Fixtures: a merchant at the real gateway, a browser, and a relay that counts requests to the gateway."""

import re
import uuid
from urllib.parse import urlsplit

import pytest
import requests

from portal.audit.models import Event
from portal.audit.recording import Origin
from portal.changes.models import Change
from provisioning import service
from tests.portal.changes.relay import Relay
from tests.portal.changes.rewriter import Rewriter

ORIGIN = Origin(None, "Ana Agent", "Support agent", "", "127.0.0.1", "r1")


@pytest.fixture(autouse=True)
def rooms(settings):
    """Use the test's own pages and a short gateway time-out."""
    settings.ROOT_URLCONF = "tests.portal.changes.view_stubs"
    settings.GATEWAY_TIMEOUT = 2.0


@pytest.fixture
def relay(gateway, connection):
    """Return a relay between the portal and the gateway."""
    parts = urlsplit(gateway.base_url)
    made = Relay(parts.hostname, parts.port)
    connection.base_url = gateway.base_url.replace(f":{parts.port}", f":{made.port}")
    connection.save()
    yield made
    made.close()


@pytest.fixture
def fault(gateway):
    """Set a fault for the next request of an operation: fault("500", "createMerchant")."""

    def arm(kind, operation, times=1):
        order = {"fault": kind, "operation": operation, "requests": times}
        requests.post(f"{gateway.root_url}/sandbox/faults", json=order, timeout=30).raise_for_status()

    yield arm
    requests.delete(f"{gateway.root_url}/sandbox/faults", timeout=30)


@pytest.fixture
def tenant(connection):
    """Return the guid of the API key's own tenant."""
    return connection.tenant_guid


@pytest.fixture
def merchant(connection, tenant):
    """Return a new merchant at the gateway."""
    return merchant_made(tenant)


@pytest.fixture
def browser(agent, client_of):
    """Return Ana's browser."""
    return client_of(agent)


def merchant_made(tenant, **values):
    """Create a merchant without the portal; return the entity."""
    body = {
        "name": f"Shop {uuid.uuid4().hex[:10]}",
        "homepage": "https://shop.example",
        "timezone": "UTC",
        **values,
    }
    made = service.perform(
        "merchant.create", connection="sandbox", target=tenant, parent=tenant, payload=body
    )
    assert isinstance(made, service.Accepted), made
    return made.entity


def merchant_now(merchant):
    """Return the merchant's current values at the gateway."""
    return service.read_entity(
        connection="sandbox", kind="merchant", parent=merchant.parent, guid=merchant.guid
    ).values


def edited(merchant, **values):
    """Change the merchant without the portal."""
    made = service.perform(
        "merchant.update", connection="sandbox", target=merchant.guid, parent=merchant.parent, payload=values
    )
    assert isinstance(made, service.Accepted), made


def hidden(response, name):
    """Return the value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, response.content.decode()
    return found.group(1)


def actions(change):
    """Return the actions of a change's audit events, oldest first."""
    events = Event.objects.filter(change_id=str(change.pk)).order_by("sequence")
    return [event.action for event in events]


def only_change():
    """Return the only change."""
    return Change.objects.get()


@pytest.fixture
def rewriter(gateway, connection):
    """Return a proxy that rewrites requests and answers by the test's rules."""
    made = Rewriter(gateway.base_url, gateway.auth)
    connection.base_url = made.url
    connection.save()
    yield made
    made.close()
