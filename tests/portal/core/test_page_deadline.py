"""However many calls a page makes, all of them together wait for the gateway a limited time."""

import socket
import time

import pytest

from portal.changes import readback
from portal.changes.models import Change
from portal.core import middleware
from portal.directory.models import IndexedEntity
from provisioning.gateway.timing import get_time_left


@pytest.fixture
def silent(connection):
    """A gateway that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        connection.base_url = f"http://127.0.0.1:{server.getsockname()[1]}"
        connection.save()
        yield connection


def test_a_page_waits_for_a_silent_gateway_once_in_all(silent, agent, client_of, monkeypatch):
    monkeypatch.setattr(middleware, "GATEWAY_TIME_OF_A_PAGE", 1.5)
    seen = {"connection": "sandbox", "seen_at": "2026-01-01T00:00:00Z"}
    IndexedEntity.objects.create(kind="tenant", guid="TE-1", name="Own", **seen)
    IndexedEntity.objects.create(
        kind="merchant", guid="ME-1", name="Shop", parent_guid="TE-1", tenant_guid="TE-1", **seen
    )
    browser = client_of(agent)
    for address in (
        "/sandbox/merchants/ME-1/",
        "/sandbox/merchants/ME-2/",
        "/sandbox/merchants/ME-1/edit/",
        "/sandbox/connectors/?refresh=1",
        "/sandbox/connectors/CO-1/",
    ):
        began = time.monotonic()
        page = browser.get(address)
        assert page.status_code in (200, 404, 503), address
        assert time.monotonic() - began < 4, address
    assert get_time_left() is None


def test_a_create_on_a_silent_gateway_ends_with_the_page(silent, agent, client_of, monkeypatch):
    monkeypatch.setattr(middleware, "GATEWAY_TIME_OF_A_PAGE", 5.0)
    monkeypatch.setattr(readback, "SNAPSHOT_SECONDS", 0.5)  # the write itself needs 4 seconds to be sent
    IndexedEntity.objects.create(
        connection="sandbox", kind="tenant", guid="TE-1", name="Own", seen_at="2026-01-01T00:00:00Z"
    )
    began = time.monotonic()
    form = {"name": "Shop", "homepage": "https://shop.example", "timezone": "UTC"}
    client_of(agent).post("/sandbox/merchants/new/?tenant=TE-1", form)
    assert time.monotonic() - began < 8
    assert Change.objects.get().state == "unknown"
