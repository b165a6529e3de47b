"""The merchants' cards of the home page: where to begin, and who cannot take payments yet."""

import pytest
from django.utils import timezone

from portal.directory.models import IndexedEntity, ListSync
from portal.merchants.dashboard import SHOWN
from provisioning.credentials.models import Connection, Credential


@pytest.fixture
def sandbox(db):
    made = Connection.objects.create(slug="sandbox", name="Sandbox", colour="green")
    Credential.objects.create(connection=made, version=1)
    return made


def merchant(number, **values):
    """A merchant of the index whose connectors were read."""
    now, here = timezone.now(), {"connection": "sandbox"}
    guid = f"ME-{number}"
    ListSync.objects.create(kind="connector", parent_guid=guid, refreshed_at=now, **here)
    return IndexedEntity.objects.create(
        kind="merchant", guid=guid, name=f"Shop {number}", seen_at=now, created_at=now, **here, **values
    )


def test_an_agent_is_led_to_the_first_step(agent, client_of, sandbox):
    page = client_of(agent).get("/").content.decode()
    assert "Take a merchant live" in page
    assert 'href="/sandbox/merchants/new/"' in page


def test_a_manager_is_led_to_looking(manager, client_of, sandbox):
    page = client_of(manager).get("/").content.decode()
    assert "Look something up" in page
    assert "/sandbox/merchants/new/" not in page


def test_what_cannot_be_done_is_not_offered_and_why(agent, manager, client_of, sandbox):
    Connection.objects.create(slug="new", name="New")
    page = client_of(agent).get("/").content.decode()
    assert 'href="/sandbox/merchants/new/"' in page and 'href="/new/merchants/"' in page
    assert 'href="/new/merchants/new/"' not in page
    assert "No new merchant in New: it has no credential." in page
    Connection.objects.filter(slug="sandbox").update(is_paused=True)
    page = client_of(agent).get("/").content.decode()
    assert "/merchants/new/" not in page and "No new merchant in Sandbox: it is paused." in page
    assert "No new merchant" not in client_of(manager).get("/").content.decode()


def test_a_merchant_without_connector_is_shown_with_the_next_step(agent, client_of, sandbox):
    merchant(1)
    page = client_of(agent).get("/").content.decode()
    assert "Shop 1" in page
    assert "/sandbox/merchants/ME-1/connectors/new/" in page


def test_merchants_that_are_ready_disabled_or_unknown_are_not(agent, client_of, sandbox):
    ready = merchant(1)
    connector = {"kind": "connector", "guid": "CO-1", "parent_guid": ready.guid}
    IndexedEntity.objects.create(connection="sandbox", seen_at=timezone.now(), **connector)
    merchant(2, disabled=True)
    merchant(3, archived=True)
    merchant(4)
    ListSync.objects.filter(parent_guid="ME-4").update(refreshed_at=None)
    page = client_of(agent).get("/").content.decode()
    assert "Shop" not in page
    assert "the connectors of 3 of at least 4 merchants have been read so far" in page
    assert "All active merchants have a connector" not in page
    ListSync.objects.filter(parent_guid="ME-4").update(refreshed_at=timezone.now())
    IndexedEntity.objects.filter(guid="ME-4").update(disabled=True)
    ListSync.objects.create(connection="sandbox", kind="tenant", refreshed_at=timezone.now())
    page = client_of(agent).get("/").content.decode()
    assert "All active merchants have a connector" in page
    assert "read so far" not in page


def test_only_the_newest_are_shown(agent, client_of, sandbox):
    for number in range(SHOWN + 1):
        merchant(number)
    page = client_of(agent).get("/").content.decode()
    assert "Shop 0" not in page
    assert "The newest are shown" in page
