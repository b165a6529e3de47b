"""What belongs to a merchant that is off is shown as off, everywhere, and read again after an own change."""

import uuid

import pytest

from portal.changes.models import Change
from portal.directory.models import IndexedEntity
from provisioning import service
from tests.portal.directory.conftest import made


@pytest.fixture
def browser(agent, client_of, connection):
    """Ana's browser."""
    return client_of(agent)


@pytest.fixture
def shop(connection):
    """A merchant with two connectors and a user; its name is a word nobody else has."""
    shop = made(connection.tenant_guid, f"Effective {uuid.uuid4().hex[:8]}")
    for number in range(2):
        body = {
            "name": f"{shop.name} card {number}", "adapter": "Simulator", "method": "Creditcard",
            "apiKey": f"key-{uuid.uuid4().hex[:10]}", "config": {"testMode": False},
        }  # fmt: skip
        made_of("connector.create", shop, body)
    body = {"type": "web", "email": "a@shop.example", "sendInitialPassword": True}
    made_of("merchant_user.create", shop, {**body, "username": f"user.{uuid.uuid4().hex[:8]}"})
    return shop


def made_of(operation, shop, body):
    """A connector or user made behind the portal's back."""
    outcome = service.perform(
        operation, connection="sandbox", target=shop.guid, parent=shop.guid, payload=body
    )
    assert outcome.entity, outcome
    return outcome.entity


def act(browser, shop, action):
    """Disable, enable, archive or un-archive the merchant through the pages; return the preview."""
    address = f"/sandbox/merchants/{shop.guid}/{action}/"
    preview = browser.get(address).content.decode()
    review = browser.post(address, {"reason": "because"})
    assert review.status_code == 302, review.content.decode()
    change = Change.objects.latest("created_at")
    browser.post(f"/changes/{change.pk}/send/", {"reason": "because", "confirmation": shop.name})
    change.refresh_from_db()
    assert change.state == "accepted", change.state
    return preview


def badges(page):
    """The words of the badges in a list's rows."""
    return [row["badge"].split(">")[1].split("<")[0] for row in page.context["page"].object_list]


def test_the_preview_counts_what_is_affected_and_says_what_is_not_known(browser, shop, monkeypatch):
    text = browser.get(f"/sandbox/merchants/{shop.guid}/disable/").content.decode()
    assert "Disables 2 connectors and 1 user." in text
    text = browser.get(f"/sandbox/merchants/{shop.guid}/archive/").content.decode()
    assert "Affects 2 connectors and 1 user." in text


def test_what_belongs_to_a_disabled_merchant_is_off_on_every_page(browser, shop):
    browser.get(f"/sandbox/merchants/{shop.guid}/connectors/")
    act(browser, shop, "disable")
    connector = IndexedEntity.objects.filter(kind="connector", parent_guid=shop.guid).first()
    for address in (
        f"/sandbox/merchants/{shop.guid}/connectors/",
        f"/sandbox/connectors/?merchant={shop.guid}",
        f"/sandbox/connectors/?q={shop.name}",
        f"/sandbox/users/?merchant={shop.guid}",
    ):
        assert set(badges(browser.get(address))) == {"Off: merchant disabled"}, address
    page = browser.get(f"/sandbox/connectors/{connector.guid}/").content.decode()
    assert "Off: merchant disabled" in page
    assert "moves real money" not in page and "move real money" not in page
    assert "Off: merchant disabled" in browser.get(f"/search/?q={shop.name}").content.decode()
    narrowed = browser.get(f"/sandbox/connectors/?merchant={shop.guid}&status=active")
    assert narrowed.context["page"].object_list == []
    assert (
        len(browser.get(f"/sandbox/connectors/?merchant={shop.guid}&status=off").context["page"].object_list)
        == 2
    )
    act(browser, shop, "enable")
    assert set(badges(browser.get(f"/sandbox/merchants/{shop.guid}/connectors/"))) == {"Active"}


def test_an_archived_merchant_comes_back_with_a_word_on_what_is_still_disabled(browser, shop):
    browser.get(f"/sandbox/merchants/{shop.guid}/connectors/")
    browser.get(f"/sandbox/merchants/{shop.guid}/users/")
    act(browser, shop, "archive")
    page = browser.get(f"/sandbox/merchants/{shop.guid}/").content.decode()
    assert f"/sandbox/merchants/{shop.guid}/unarchive/" in page
    assert f"/sandbox/merchants/{shop.guid}/enable/" not in page
    act(browser, shop, "unarchive")
    if IndexedEntity.objects.get(guid=shop.guid).disabled:
        act(browser, shop, "enable")
    page = browser.get(f"/sandbox/merchants/{shop.guid}/").content.decode()
    real = {
        entry.guid: entry.disabled
        for entry in service.list_entities(connection="sandbox", kind="connector", parent=shop.guid)
    }
    off = sum(real.values())
    assert off
    users = service.list_entities(connection="sandbox", kind="merchant_user", parent=shop.guid)
    assert f"{off} connectors and {sum(user.disabled for user in users)} user are still disabled" in page
    assert badges(browser.get(f"/sandbox/merchants/{shop.guid}/connectors/")) == ["Disabled"] * off
    assert set(badges(browser.get(f"/sandbox/connectors/?merchant={shop.guid}"))) == {"Disabled"}


def test_archived_merchants_are_left_out_until_asked_for(browser, shop, connection):
    act(browser, shop, "archive")
    address = f"/sandbox/merchants/?tenant={connection.tenant_guid}&sort=-created"
    page = browser.get(address)
    assert shop.guid not in page.content.decode()
    assert "Show archived (" in page.content.decode()
    assert shop.guid in browser.get(f"{address}&archived=1").content.decode()
    assert shop.guid in browser.get(f"/sandbox/merchants/?q={shop.name}").content.decode()


def test_what_changed_elsewhere_makes_the_children_be_read_again(browser, shop, connection):
    browser.get(f"/sandbox/merchants/{shop.guid}/connectors/")
    service.perform(
        "merchant.update", connection="sandbox", target=shop.guid, parent=connection.tenant_guid,
        payload={"archived": True},
    )  # fmt: skip
    browser.get(f"/sandbox/merchants/{shop.guid}/")
    rows = service.list_entities(connection="sandbox", kind="connector", parent=shop.guid)
    known = IndexedEntity.objects.filter(kind="connector", parent_guid=shop.guid)
    assert {row.guid: row.disabled for row in rows} == dict(known.values_list("guid", "disabled"))
