"""The merchants' pages over real HTTP: create, page and tabs, edit, refusal, conflict, disable, archive."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from portal.changes.models import Change
from portal.directory.models import IndexedEntity
from portal.directory.services import refresh_list
from provisioning import contract, service
from provisioning.credentials.models import Connection

FULL = contract.contract_examples("createMerchant")["merchantCreateFull"]


@pytest.fixture
def browser(agent, client_of, connection):
    """Ana's browser."""
    return client_of(agent)


@pytest.fixture
def shop(connection):
    """A merchant made behind the portal's back, with every property."""
    tenant = connection.tenant_guid
    return service.perform(
        "merchant.create", connection="sandbox", target=tenant, parent=tenant, payload=dict(FULL)
    ).entity


def browsered(body):
    """A JSON body as a browser posts it: ticked boxes as "on", others absent."""
    return {name: "on" if value is True else value for name, value in body.items() if value is not False}


def hidden(response, name):
    """The value of a hidden field."""
    return unescape(re.search(rf'name="{name}"\s+value="([^"]*)"', response.content.decode()).group(1))


def now(shop):
    """What the gateway has."""
    return service.read_entity(
        connection="sandbox", kind="merchant", parent=shop.parent, guid=shop.guid
    ).values


def sent(browser):
    """Sends the one prepared change, with a reason; returns it."""
    change = Change.objects.get(state="prepared")
    browser.post(f"/changes/{change.pk}/send/", {"reason": "Asked for by the merchant"})
    change.refresh_from_db()
    return change


def edit(browser, shop, **values):
    """Opens the edit form, types, and posts it."""
    address = f"/sandbox/merchants/{shop.guid}/edit/"
    body = {name: value for name, value in now(shop).items() if name in FULL} | values
    data = browsered(body)
    data["base"] = hidden(browser.get(address), "base")
    return browser.post(address, data)


def test_the_documented_merchant_goes_through_the_form_and_comes_back(browser, connection):
    address = f"/sandbox/merchants/new/?tenant={connection.tenant_guid}"
    data = browsered(FULL)
    data["submission"] = hidden(browser.get(address), "submission")
    response = browser.post(address, data)
    assert response.status_code == 302, response.content.decode()
    guid = response.url.split("/")[-2]
    page = browser.get(response.url)
    assert page.status_code == 200
    entity = service.read_entity(
        connection="sandbox", kind="merchant", parent=connection.tenant_guid, guid=guid
    )
    assert {name: entity.values.get(name) for name in FULL} == FULL
    text = page.content.decode()
    assert "Add a connector" in text
    assert "Add a user" in text
    assert browser.post(address, data).url == response.url


def test_without_a_tenant_one_is_asked_for_first(browser, connection):
    text = browser.get("/sandbox/merchants/new/").content.decode()
    assert "Choose a tenant" in text
    assert f"?tenant={connection.tenant_guid}" in text
    assert browser.get("/sandbox/merchants/new/?tenant=TE-NOBODY").status_code == 404


def test_a_single_tenant_is_chosen_without_asking(browser, connection):
    browser.get("/sandbox/tenants/")
    IndexedEntity.objects.filter(kind="tenant").exclude(guid=connection.tenant_guid).delete()
    response = browser.get("/sandbox/merchants/new/")
    assert response.url == f"/sandbox/merchants/new/?tenant={connection.tenant_guid}"


def test_without_any_tenant_the_page_says_what_to_do(browser):
    Connection.objects.update(base_url="http://127.0.0.1:9/api/provisioning")
    assert "No tenants found" in browser.get("/sandbox/merchants/new/").content.decode()


def test_a_refusal_lands_on_its_field_and_keeps_what_was_typed(browser, connection):
    address = f"/sandbox/merchants/new/?tenant={connection.tenant_guid}"
    body = {"name": "A <b>", "homepage": "https://kept.example", "timezone": "UTC"}
    response = browser.post(address, {**body, "submission": str(uuid.uuid4())})
    assert response.status_code == 422
    assert "name" in response.context["form"].errors
    assert "https://kept.example" in response.content.decode()


def test_the_page_shows_every_property_in_words(browser, shop):
    text = browser.get(f"/sandbox/merchants/{shop.guid}/").content.decode()
    for words in ("Austria", "Euro", "Payout, Register", "Straße 1", "213", "risk@example.org", shop.guid):
        assert words in text


def test_the_page_stays_readable_when_the_gateway_is_away(browser, shop, connection):
    browser.get(f"/sandbox/merchants/{shop.guid}/")
    Connection.objects.update(base_url="http://127.0.0.1:9/api/provisioning")
    response = browser.get(f"/sandbox/merchants/{shop.guid}/")
    assert response.status_code == 200
    assert "The gateway is unavailable" in response.content.decode()
    assert "Straße 1" in response.content.decode()


def test_a_merchant_the_gateway_no_longer_lists_is_shown_as_it_was(browser, connection):
    refresh_list(connection="sandbox", kind="tenant")
    place = {"connection": "sandbox", "kind": "merchant", "parent_guid": connection.tenant_guid}
    seen = IndexedEntity.objects.get(guid=connection.tenant_guid).seen_at
    IndexedEntity.objects.create(
        guid="ME-GONE", name="Gone shop", fields={"name": "Gone shop"}, seen_at=seen, **place
    )
    text = browser.get("/sandbox/merchants/ME-GONE/").content.decode()
    assert "no longer lists this" in text
    assert "Gone shop" in text


@pytest.mark.parametrize("tab", ["", "users/", "connectors/", "history/"])
def test_every_tab_has_an_address_of_its_own(browser, shop, tab):
    response = browser.get(f"/sandbox/merchants/{shop.guid}/{tab}")
    assert response.status_code == 200
    assert 'aria-current="page"' in response.content.decode()
    assert browser.get(f"/sandbox/merchants/ME-NOBODY/{tab}").status_code == 404


def test_the_tabs_list_users_and_connectors_without_secrets(browser, shop):
    connector = {
        "name": "Card AT",
        "adapter": "Simulator",
        "method": "Creditcard",
        "apiKey": f"key-{uuid.uuid4().hex[:8]}",
        "sharedSecret": "canary-secret-value",
        "config": {"testMode": True},
    }
    made = service.perform(
        "connector.create", connection="sandbox", target=shop.guid, parent=shop.guid, payload=connector
    )
    assert isinstance(made, service.Accepted), made
    text = browser.get(f"/sandbox/merchants/{shop.guid}/connectors/").content.decode()
    assert "Card AT" in text
    assert connector["apiKey"] in text
    assert "canary-secret-value" not in text
    user = {"type": "api", "username": f"m{uuid.uuid4().hex[:8]}", "password": "Str0ng!passw0rd"}
    made = service.perform(
        "merchant_user.create", connection="sandbox", target=shop.guid, parent=shop.guid, payload=user
    )
    assert isinstance(made, service.Accepted), made
    text = browser.get(f"/sandbox/merchants/{shop.guid}/users/").content.decode()
    assert user["username"] in text
    assert user["password"] not in text
    assert "Add a connector" not in browser.get(f"/sandbox/merchants/{shop.guid}/").content.decode()
    response = browser.post(f"/sandbox/merchants/{shop.guid}/users/")
    assert response.url == f"/sandbox/merchants/{shop.guid}/users/"


def test_an_edit_sends_only_what_changed_and_is_in_the_history(browser, shop):
    assert edit(browser, shop, city="Graz").status_code == 302
    change = sent(browser)
    assert change.state == "accepted"
    assert change.body == {
        "city": "Graz",
        "name": FULL["name"],
        "homepage": FULL["homepage"],
        "timezone": "UTC",
    }
    assert now(shop)["city"] == "Graz"
    history = browser.get(f"/sandbox/merchants/{shop.guid}/history/").content.decode()
    assert "Ana Agent" in history


def test_an_edit_without_difference_sends_nothing(browser, shop):
    response = edit(browser, shop)
    assert response.status_code == 200
    assert "nothing to send" in response.content.decode()


def test_an_edit_stops_when_another_edit_came_first(browser, shop):
    address = f"/sandbox/merchants/{shop.guid}/edit/"
    base = hidden(browser.get(address), "base")
    service.perform("merchant.update", connection="sandbox", target=shop.guid, payload={"city": "Linz"})
    data = browsered(FULL | {"name": "Mine"})
    data["base"] = base
    response = browser.post(address, data)
    assert response.status_code == 409
    assert "Linz" in response.content.decode()
    assert now(shop)["name"] == FULL["name"]


@pytest.mark.parametrize(
    ("action", "changes"), [("disable", {"disabled": True}), ("archive", {"archived": True})]
)
def test_disabling_and_archiving_ask_why_and_happen_after_the_review(browser, shop, action, changes):
    address = f"/sandbox/merchants/{shop.guid}/{action}/"
    assert browser.get(address).status_code == 200
    assert browser.post(address).status_code == 422
    assert browser.post(address, {"reason": "Left us"}).status_code == 302
    change = sent(browser)
    documented = {"name": FULL["name"], "homepage": FULL["homepage"], "timezone": "UTC"}
    assert change.body == documented | changes
    assert {name: now(shop)[name] for name in changes} == changes
    page = browser.get(f"/sandbox/merchants/{shop.guid}/").content.decode()
    assert ("Archived" if action == "archive" else "Disabled") in page
    assert "Nothing to change" in browser.get(address).content.decode()


def test_a_disabled_merchant_can_be_enabled(browser, shop):
    service.perform("merchant.update", connection="sandbox", target=shop.guid, payload={"disabled": True})
    assert "/enable/" in browser.get(f"/sandbox/merchants/{shop.guid}/").content.decode()
    browser.post(f"/sandbox/merchants/{shop.guid}/enable/")
    assert sent(browser).state == "accepted"
    assert now(shop)["disabled"] is False


def test_read_only_users_see_no_buttons(manager, client_of, connection, shop):
    browser = client_of(manager)
    for page in ("", "users/", "connectors/"):
        text = browser.get(f"/sandbox/merchants/{shop.guid}/{page}").content.decode()
        assert not [word for word in ("/edit/", "/disable/", "/archive/", "/new/") if word in text]
    assert "/new/" not in browser.get("/sandbox/merchants/").content.decode()
    for action in ("edit", "disable", "enable", "archive"):
        assert browser.get(f"/sandbox/merchants/{shop.guid}/{action}/").status_code == 403
    assert browser.get("/sandbox/merchants/new/").status_code == 403


def test_an_outsider_sees_nothing(outsider, client_of, connection, shop):
    browser = client_of(outsider)
    for page in ("merchants/", "tenants/", f"merchants/{shop.guid}/"):
        assert browser.get(f"/sandbox/{page}").status_code == 403


def test_the_history_settles_an_unfinished_send(browser, agent, shop):
    long_ago = timezone.now() - timedelta(hours=1)
    about = {"operation": "merchant.update", "connection": "sandbox", "object_guid": shop.guid}
    interrupted = Change.objects.create(
        state="sending", claimed_at=long_ago, intent_at=long_ago, actor=agent, actor_name="Ana", **about
    )
    history = browser.get(f"/sandbox/merchants/{shop.guid}/history/").content.decode()
    assert "Outcome unknown" in history
    assert f"/changes/{interrupted.pk}/" in history
