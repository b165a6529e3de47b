"""The tenants' pages over real HTTP: list, page, history, edit, and what cannot be done."""

import re
from html import unescape

import pytest

from portal.changes.models import Change
from portal.directory.models import IndexedEntity
from portal.directory.services import refresh_list
from provisioning import contract, service
from provisioning.credentials.models import Connection


@pytest.fixture
def browser(agent, client_of, connection):
    """Ana's browser."""
    return client_of(agent)


@pytest.fixture
def tenant(connection):
    """A sub-tenant."""
    refresh_list(connection="sandbox", kind="tenant")
    return (
        IndexedEntity.objects.filter(kind="tenant")
        .exclude(guid=connection.tenant_guid)
        .order_by("guid")
        .first()
    )


def base_of(response):
    """The hidden field that says what the form was opened on."""
    return unescape(re.search(r'name="base"\s+value="([^"]*)"', response.content.decode()).group(1))


def test_the_list_shows_tenants_and_says_why_none_can_be_made(browser, tenant):
    text = browser.get("/sandbox/tenants/").content.decode()
    assert tenant.name in text
    assert "Own tenant" in text
    assert "created here" in text
    assert "New tenant</a>" not in text


def test_the_page_is_read_fresh(browser, tenant):
    service.perform(
        "tenant.update", connection="sandbox", target=tenant.guid, payload={"mailSenderName": "Fresh sender"}
    )
    response = browser.get(f"/sandbox/tenants/{tenant.guid}/")
    assert "Fresh sender" in response.content.decode()
    assert IndexedEntity.objects.get(guid=tenant.guid).fields["mailSenderName"] == "Fresh sender"


def test_the_page_stays_readable_when_the_gateway_is_away(browser, tenant):
    Connection.objects.update(base_url="http://127.0.0.1:9/api/provisioning")
    text = browser.get(f"/sandbox/tenants/{tenant.guid}/").content.decode()
    assert "The gateway is unavailable" in text
    assert tenant.name in text


def test_the_documented_body_reaches_the_gateway_and_comes_back(browser, tenant):
    body = contract.contract_examples("updateTenant")["tenantUpdateTypical"]
    address = f"/sandbox/tenants/{tenant.guid}/edit/"
    page = browser.get(address)
    kept = {"defaultCurrency": tenant.fields.get("defaultCurrency", "")}
    review = browser.post(address, {**kept, **body, "base": base_of(page)})
    assert review.status_code == 302, review.content.decode()
    change = Change.objects.get()
    browser.post(f"/changes/{change.pk}/send/")
    change.refresh_from_db()
    assert change.state == "accepted"
    now = service.read_entity(connection="sandbox", kind="tenant", parent="", guid=tenant.guid)
    assert {name: now.values[name] for name in body} == body
    assert body["name"] in browser.get(f"/sandbox/tenants/{tenant.guid}/history/").content.decode()


def test_the_keys_own_tenant_is_marked_and_not_editable(browser, connection, tenant):
    text = browser.get(f"/sandbox/tenants/{connection.tenant_guid}/").content.decode()
    assert "The API key’s own tenant" in text
    assert "/edit/" not in text
    response = browser.get(f"/sandbox/tenants/{connection.tenant_guid}/edit/")
    assert response.status_code == 409
    assert "own interface" in response.content.decode()


def test_who_may_not_edit_sees_no_button(manager, client_of, connection, tenant):
    browser = client_of(manager)
    assert "/edit/" not in browser.get(f"/sandbox/tenants/{tenant.guid}/").content.decode()
    assert browser.get(f"/sandbox/tenants/{tenant.guid}/edit/").status_code == 403


def test_an_unknown_tenant_is_not_found(browser, tenant):
    assert browser.get("/sandbox/tenants/TE-NOBODY/").status_code == 404
