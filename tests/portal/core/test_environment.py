"""The environment that a page shows is that of the object on it, and production is red."""

import re

import pytest

from portal.audit.models import Event
from portal.audit.recording import record_event
from portal.changes.models import Change
from provisioning.credentials.models import Connection
from tests.portal.changes.conftest import ORIGIN

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_connections(db):
    Connection.objects.create(slug="sandbox", name="Sandbox", colour="green")
    Connection.objects.create(slug="live", name="Live EU", colour="blue", kind="production")


def environment(page):
    """(colour, name) of the environment in the top bar."""
    found = re.search(
        r'<summary class="env env-(\w+)">.*?Environment:</span>\s*<span>(.*?)</span>', page, re.S
    )
    return found.groups()


def change_in(connection, user, **values):
    return Change.objects.create(
        connection=connection,
        operation="merchant.update",
        object_guid="ME-1",
        object_name="Shop",
        state="prepared",
        actor=user,
        rows=[{"field": "disabled", "label": "Disabled", "old": False, "new": True, "secret": False,
               "unchanged": False}],
        **values,
    )  # fmt: skip


@pytest.mark.parametrize(("slug", "shown"), [("live", ("red", "Live EU")), ("sandbox", ("green", "Sandbox"))])
def test_a_change_shows_the_environment_it_is_sent_to(client_of, agent, slug, shown):
    browser, change = client_of(agent), change_in(slug, agent)
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert environment(page) == shown
    assert f"Confirm and send to {shown[1]}" in page
    assert ("Production: Live EU" in page) is (slug == "live")
    assert f'href="/{slug}/merchants/"' in page.partition("<main")[0].partition('id="sidebar-menu"')[2]
    refused = browser.post(f"/changes/{change.pk}/send/").content.decode()
    assert environment(refused) == shown
    stopped = browser.post(f"/changes/{change.pk}/again/").content.decode()
    assert environment(stopped) == shown


def test_an_audit_event_shows_its_environment(client_of, manager):
    record_event(action="change.accepted", origin=ORIGIN, connection="live", outcome="accepted")
    page = client_of(manager).get(f"/audit/{Event.objects.latest('pk').pk}/").content.decode()
    assert environment(page) == ("red", "Live EU")


@pytest.mark.parametrize("address", ["/", "/changes/", "/profile/", "/search/?q=x"])
def test_the_sidebar_leads_into_the_connection_visited_last(client_of, agent, address):
    browser = client_of(agent)
    assert "nav-link" in (page := browser.get(address).content.decode())
    assert 'href="/live/tenants/"' not in page
    change = change_in("live", agent)
    browser.get(f"/changes/{change.pk}/")
    page = browser.get(address).content.decode()
    assert 'href="/live/tenants/"' in page and environment(page) == ("grey", "All environments")


def test_an_unreachable_connection_is_not_remembered(client_of, agent):
    browser, change = client_of(agent), change_in("live", agent)
    browser.get(f"/changes/{change.pk}/")
    Connection.objects.filter(slug="live").delete()
    assert "/live/" not in browser.get("/").content.decode()
