"""List pages and the global search, through the browser's eyes and a real gateway."""

import uuid

import pytest

from portal.directory import list_views, search_views
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import refresh_list
from provisioning import service
from provisioning.credentials.models import Connection
from tests.portal.directory.conftest import away


@pytest.fixture
def browser(agent, client_of, connection):
    """Ana's browser."""
    return client_of(agent)


def made(tenant, name, **values):
    """A merchant made behind the portal's back."""
    body = {"name": name, "homepage": "https://shop.example", "timezone": "UTC", **values}
    return service.perform(
        "merchant.create", connection="sandbox", target=tenant, parent=tenant, payload=body
    ).entity


def listed(response):
    """The names on a list page, in order, without the test's word."""
    return [row["name"].partition(" ")[2] for row in response.context["page"].object_list]


@pytest.fixture
def word():
    """A word that no other test's merchants bear: the gateway lives longer than one test."""
    return f"zebra{uuid.uuid4().hex[:10]}"


@pytest.fixture
def shops(connection, word):
    """Three shops of the own tenant that differ in everything lists filter by."""
    tenant = connection.tenant_guid
    return [
        made(tenant, f"{word} Ärzte", country="AT", defaultCurrency="EUR", externalId=f"{word}-1"),
        made(tenant, f"{word} Disabled", country="DE", defaultCurrency="EUR", disabled=True),
        made(tenant, f"{word} Archived", country="CH", defaultCurrency="CHF", archived=True),
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=zebra", ["Ärzte", "Disabled", "Archived"]),
        ("q=ZEBRA+ärzte", ["Ärzte"]),
        ("q=zebra-1", ["Ärzte"]),
        ("q=zebra&status=active", ["Ärzte"]),
        ("q=zebra&status=disabled", ["Disabled"]),
        ("q=zebra&status=archived", ["Archived"]),
        ("q=zebra&country=DE", ["Disabled"]),
        ("q=zebra&currency=CHF", ["Archived"]),
        ("q=zebra&sort=-name", ["Disabled", "Ärzte", "Archived"]),
        ("q=zebra&sort=nonsense&page=nonsense", ["Ärzte", "Disabled", "Archived"]),
        ("q=zebra&country=nonsense", []),
        (
            "q=%00zebra&page=9999999999999999999999",
            ["Ärzte", "Disabled", "Archived"],
        ),
    ],
)
def test_search_filters_and_order_are_in_the_address(browser, shops, word, query, names):
    query = query.replace("zebra", word).replace("ZEBRA", word.upper())
    response = browser.get(f"/sandbox/merchants/?{query}")
    assert response.status_code == 200
    assert listed(response) == names


def test_only_what_occurs_is_offered_and_a_strange_value_stays_chosen(browser, shops):
    response = browser.get("/sandbox/merchants/?country=XX")
    country = next(each for each in response.context["filters"] if each.name == "country")
    codes = [code for code, _ in country.options]
    assert {"AT", "DE", "CH", "XX"} <= set(codes)
    assert "FJ" not in codes
    assert "Nothing matches" in response.content.decode()


def test_one_tenants_list_is_its_own(browser, shops, word, connection):
    other = IndexedEntity.objects.filter(kind="tenant").exclude(guid=connection.tenant_guid)
    response = browser.get(f"/sandbox/merchants/?tenant={connection.tenant_guid}&q={word}")
    assert len(listed(response)) == 3
    assert response.context["tenant_name"]
    assert listed(browser.get(f"/sandbox/merchants/?tenant={other.first().guid}&q={word}")) == []
    assert not ListSync.objects.filter(parent_guid="TE-NOBODY").exists()
    browser.get("/sandbox/merchants/?tenant=TE-NOBODY")
    assert not ListSync.objects.filter(parent_guid="TE-NOBODY").exists()


def test_long_lists_have_pages(browser, shops, word, monkeypatch):
    monkeypatch.setattr(list_views, "PAGE_SIZE", 2)
    first = browser.get(f"/sandbox/merchants/?q={word}")
    assert listed(first) == ["Ärzte", "Disabled"]
    assert f"?q={word}&amp;page=2" in first.content.decode()
    assert listed(browser.get(f"/sandbox/merchants/?q={word}&page=2")) == ["Archived"]


def test_a_list_takes_few_queries_whatever_its_length(browser, shops, django_assert_max_num_queries):
    browser.get("/sandbox/merchants/")
    with django_assert_max_num_queries(13):
        browser.get("/sandbox/merchants/")


def test_refresh_on_demand_reads_what_was_made_elsewhere(browser, word, connection):
    for number, of_tenant in enumerate(("", f"&tenant={connection.tenant_guid}")):
        address = f"/sandbox/merchants/?q={word}{of_tenant}"
        browser.get(address)
        made(connection.tenant_guid, f"{word} Elsewhere {number}")
        assert f"Elsewhere {number}" not in listed(browser.get(address))
        response = browser.post(address)
        assert response.url == address
        assert f"Elsewhere {number}" in listed(browser.get(response.url))


def test_the_list_stays_readable_when_the_gateway_is_away(browser, shops, word, connection):
    browser.get("/sandbox/merchants/")
    Connection.objects.update(base_url="http://127.0.0.1:9/api/provisioning")
    browser.post(f"/sandbox/merchants/?tenant={connection.tenant_guid}")
    response = browser.get(f"/sandbox/merchants/?tenant={connection.tenant_guid}&q={word}")
    assert len(listed(response)) == 3
    assert "The gateway has not been readable since" in response.content.decode()
    assert "The gateway has not been readable since" in browser.get("/sandbox/merchants/").content.decode()


def test_a_connection_whose_gateway_never_answered_says_so(browser):
    Connection.objects.update(base_url="http://127.0.0.1:9/api/provisioning")
    text = browser.get("/sandbox/merchants/").content.decode()
    assert "Nothing has been read from it yet" in text


def test_an_unknown_connection_is_not_found_and_no_gateway_is_called(browser):
    assert browser.get("/nowhere/merchants/").status_code == 404
    assert browser.get("/nowhere/tenants/TE-1/").status_code == 404
    assert "There is no connection “nowhere”." in browser.get("/nowhere/").content.decode()
    assert not ListSync.objects.filter(connection="nowhere").exists()


def test_search_groups_what_it_finds_by_kind(browser, shops, word, connection):
    refresh_list(connection="sandbox", kind="tenant")
    refresh_list(connection="sandbox", kind="merchant", parent=connection.tenant_guid)
    response = browser.get(f"/search/?q={word}")
    assert [group["title"] for group in response.context["groups"]] == ["Merchants"]
    assert len(response.context["groups"][0]["rows"]) == 3
    assert "Sandbox" in response.content.decode()


def test_search_is_bounded(browser, shops, word, connection, monkeypatch):
    monkeypatch.setattr(search_views.SearchView, "limit", 2)
    refresh_list(connection="sandbox", kind="merchant", parent=connection.tenant_guid)
    group = browser.get(f"/search/?q={word}").context["groups"][0]
    assert len(group["rows"]) == 2
    assert group["more"]


def test_a_pasted_guid_leads_to_its_page(browser, shops, word, connection):
    refresh_list(connection="sandbox", kind="merchant", parent=connection.tenant_guid)
    assert browser.get(f"/search/?q={shops[0].guid}").url == f"/sandbox/merchants/{shops[0].guid}/"


@pytest.mark.parametrize(
    ("query", "words"), [("", "What are you looking for?"), ("?q=qqqq", "Nothing found")]
)
def test_an_empty_search_explains_itself(browser, query, words):
    assert words in browser.get(f"/search/{query}").content.decode()


def test_search_hides_entries_outside_the_users_access(outsider, client_of, shops, connection):
    refresh_list(connection="sandbox", kind="merchant", parent=connection.tenant_guid)
    response = client_of(outsider).get(f"/search/?q={shops[0].guid}")
    assert response.context["groups"] == []


def test_the_address_of_a_connection_leads_to_its_merchants(browser, connection):
    assert browser.get("/sandbox/").url == "/sandbox/merchants/"


def test_what_is_not_found_says_what_was_looked_for_and_where(browser, connection):
    page = browser.get("/sandbox/merchants/ME-NOBODY/").content.decode()
    assert "No merchant with the ID ME-NOBODY is known" in page
    assert "does not list it either" in page
    assert "Try again" not in page


def test_what_could_not_be_looked_for_may_be_tried_again(browser, connection):
    away(connection)
    answer = browser.get("/sandbox/merchants/ME-NOBODY/")
    assert answer.status_code == 404
    assert "the portal could not check" in answer.content.decode()
    assert "Try again" in answer.content.decode()
