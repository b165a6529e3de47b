"""People who are limited to some tenants: nothing of any other is seen, found, or changed by them."""

import uuid
from dataclasses import dataclass

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.changes.models import Change, State
from portal.changes.workflow import prepare_change, send_change, submit_change
from portal.core.permissions import PERMISSIONS, within_tenants
from portal.directory.models import IndexedEntity
from portal.staff.models import TenantScope, User
from portal.staff.roles import ADMIN, AGENT, MANAGER
from provisioning.credentials.services import create_connection
from tests.access_table import TABLE
from tests.factories import connector_made, merchant_made, read, unique, user_made

ORIGIN = get_system_origin("tests")


@dataclass
class House:
    """The entities of one tenant: a guid for each app, and all names in it."""

    tenant: str
    merchant: object
    guids: dict
    names: list


@pytest.fixture
def houses(connection):
    """Two tenants with a merchant, a user and a connector each: the first is the limited agent's."""
    from portal.directory.services import refresh_list

    refresh_list(connection="sandbox", kind="tenant")
    tenants = IndexedEntity.objects.filter(kind="tenant").exclude(guid=connection.tenant_guid)
    guids = tenants.order_by("guid").values_list("guid", flat=True)
    return [_house(connection, tenant) for tenant in guids[:2]]


def _house(connection, tenant):
    merchant = merchant_made(connection, tenant=tenant, name=f"Shop {unique()}")
    user = user_made(connection, merchant)
    connector = connector_made(connection, merchant, name=f"Card {unique()}")
    adapter = f"Adapter {unique()}"
    IndexedEntity.objects.filter(guid=connector.guid).update(fields={"adapter": adapter})
    guids = {
        "tenants": tenant,
        "merchants": merchant.guid,
        "merchant_users": user.guid,
        "connectors": connector.guid,
    }
    names = [*guids.values(), merchant.name, user.name, connector.name, adapter]
    return House(tenant, merchant, guids, names)


@pytest.fixture
def lia(person, houses):
    """Lia, an agent for the first of the two tenants alone."""
    return limited(person("lia", AGENT), "sandbox", houses[0].tenant)


@pytest.fixture
def browser(lia, client_of):
    """Lia's browser."""
    return client_of(lia)


def limited(someone, connection, tenant):
    """Limits a person to one tenant; "" for all of a connection."""
    User.objects.filter(pk=someone.pk).update(is_limited=True)
    TenantScope.objects.create(user=someone, connection=connection, tenant_guid=tenant)
    return User.objects.get(pk=someone.pk)


def address(name, house):
    """Return the address of a page about an entity of the tenant."""
    values = dict(TABLE[name].kwargs)
    values["connection"] = "sandbox"
    if "guid" in values:
        below = name in ("merchant_users:create", "connectors:create")
        values["guid"] = house.guids["merchants" if below else name.partition(":")[0]]
    path = reverse(name, kwargs=values)
    return f"{path}?tenant={house.tenant}" if name == "merchants:create" else path


ABOUT_ENTITIES = [name for name, row in TABLE.items() if {"connection", "guid"} <= set(row.kwargs)]
LISTS = ["tenants:list", "merchants:list", "merchant_users:list", "connectors:list"]


def test_every_page_about_an_entity_is_there_for_own_tenants_and_not_for_others(browser, houses):
    own, foreign = houses
    for name in [*ABOUT_ENTITIES, "merchants:create"]:
        assert browser.get(address(name, own)).status_code in (200, 409), name
        path = address(name, foreign)
        read, written = browser.get(path), browser.post(path)
        assert read.status_code == 404 and written.status_code in (404, 405), name
        told = read.content.decode() + written.content.decode()
        assert not [word for word in foreign.names if word in told and word not in path]
    assert not Change.objects.exists()


def test_an_unknown_id_and_a_foreign_one_are_missed_in_the_same_words(browser, houses):
    foreign = browser.get(address("merchants:page", houses[1])).content.decode()
    unknown = browser.get(reverse("merchants:page", args=["sandbox", "ME-NOBODY"])).content.decode()
    assert "It does not exist, or it is outside your tenant access." in foreign
    assert "does not list it" not in foreign
    assert _words(foreign, houses[1].merchant.guid) == _words(unknown, "ME-NOBODY")


def test_an_unreadable_gateway_has_the_same_message_for_a_foreign_id(browser, houses, connection):
    connection.base_url = "http://127.0.0.1:9/api/provisioning"
    connection.save()
    foreign = browser.get(address("merchants:page", houses[1]))
    unknown = browser.get(reverse("merchants:page", args=["sandbox", "ME-NOBODY"]))
    assert foreign.status_code == unknown.status_code == 404
    words = _words(foreign.content.decode(), houses[1].merchant.guid)
    assert "was found within your tenant access" in words and "is known" not in words
    assert words == _words(unknown.content.decode(), "ME-NOBODY")


def test_a_hidden_connection_or_change_is_not_said_to_be_missing(browser, houses, agent, client_of):
    create_connection(slug="live", name="Live gateway", base_url="https://live.example", tenant_guid="TE-1")
    pages = [browser.get(f"/{slug}/merchants/") for slug in ("live", "nowhere")]
    assert [page.status_code for page in pages] == [404, 404]
    words = [
        _words(page.content.decode(), slug) for page, slug in zip(pages, ("live", "nowhere"), strict=True)
    ]
    assert words[0] == words[1]
    assert "The connection “…” does not exist, or it is outside your tenant access." in words[0]
    path = reverse("changes:page", args=[uuid.uuid4()])
    outside = "It may also be outside your tenant access."
    assert outside in browser.get(path).content.decode()
    assert outside not in client_of(agent).get(path).content.decode()


def test_empty_pages_say_that_they_cover_only_accessible_tenants(browser, lia, houses):
    words = "the tenants that you have access to"
    assert words in browser.get("/search/", {"q": houses[1].merchant.guid}).content.decode()
    TenantScope.objects.update(tenant_guid="TE-GONE")
    for path in ("/sandbox/tenants/", "/sandbox/merchants/"):
        page = browser.get(path).content.decode()
        assert words in page and "The API key’s tenant" not in page


def _words(page, guid):
    start = page.index('<div class="error-words">')
    return page[start : page.index("Request ID:", start)].replace(guid, "…")


@pytest.mark.parametrize("name", LISTS)
def test_lists_and_their_drop_downs_show_nothing_of_other_tenants(browser, houses, name):
    own, foreign = houses
    path = reverse(name, args=["sandbox"])
    browser.post(path)
    narrowed = ({"q": own.merchant.name}, {"tenant": foreign.tenant}, {"merchant": foreign.merchant.guid})
    for query in ({}, *narrowed):
        page = browser.get(path, query).content.decode()
        asked = set(query.values())
        assert not [word for word in foreign.names if word in page and word not in asked]
    guid = own.guids[name.partition(":")[0]]
    # Its link: the guid alone would also stand in the words that nothing was found.
    assert f"/{guid}/" in browser.get(path, {"q": guid}).content.decode()


def test_search_finds_nothing_of_other_tenants(browser, houses):
    own, foreign = houses
    for word in foreign.names:
        answer = browser.get("/search/", {"q": word})
        assert answer.status_code == 200
        assert not [each for each in foreign.names if each in answer.content.decode() and each != word]
    assert browser.get("/search/", {"q": own.merchant.guid}).status_code == 302


def test_forms_offer_and_take_no_merchant_of_another_tenant(browser, houses, connection):
    own, foreign = houses
    create = browser.get(address("merchant_users:create", own)).content.decode()
    assert not [word for word in foreign.names if word in create]
    assert foreign.names[-1] not in browser.get(address("connectors:create", own)).content.decode()
    for named in (foreign.merchant.guid, foreign.merchant.name, "ME-1111-2222-3333-4444"):
        values = {"type": "web", "username": f"u{unique()}", "email": "a@example.org"}
        values["multiMerchantAccess"] = named
        answer = browser.post(address("merchant_users:create", own), values)
        assert answer.status_code == 422 and "No merchant has the name" in answer.content.decode()


def test_access_of_a_user_to_other_tenants_is_neither_named_nor_taken_away(browser, houses, connection):
    own, foreign = houses
    reader = user_made(connection, own.merchant, multiMerchantAccess=[foreign.merchant.guid])
    page = browser.get(reverse("merchant_users:page", args=["sandbox", reader.guid])).content.decode()
    assert "And 1 outside your tenants" in page and foreign.merchant.name not in page
    edit = reverse("merchant_users:edit", args=["sandbox", reader.guid])
    form = browser.get(edit)
    assert foreign.merchant.guid not in form.content.decode()
    values = {"type": "web", "username": reader.name, "email": "new@example.org"}
    values["base"] = _base(form.content.decode())
    assert browser.post(edit, values).status_code == 302
    assert not {"removeMultiMerchantAccess", "multiMerchantAccess"} & set(Change.objects.get().body)


def _base(page):
    start = page.index('name="base" value="') + len('name="base" value="')
    return page[start : page.index('"', start)]


def test_services_recheck_tenant_access(lia, houses, connection):
    own, foreign = houses
    body = {"name": "Shop", "homepage": "https://shop.example", "timezone": "UTC"}
    place = {"user": lia, "origin": ORIGIN, "connection": "sandbox", "tenant_guid": own.tenant}
    creating = {**place, "object_name": "x", "submission": uuid.uuid4()}
    with pytest.raises(PermissionDenied, match="outside the account’s tenants"):
        submit_change(**creating, operation="merchant.create", target=foreign.tenant, payload=body)
    granting = {"type": "web", "username": "x", "multiMerchantAccess": [foreign.merchant.guid]}
    for payload in (granting, granting | {"multiMerchantAccess": ["ME-UNHEARD-OF"]}):
        with pytest.raises(PermissionDenied, match="outside the account’s tenants"):
            operation, target = "merchant_user.create", own.merchant.guid
            submit_change(**creating, operation=operation, target=target, payload=payload)
    entity = read(connection, "merchant", foreign.tenant, foreign.merchant.guid)
    with pytest.raises(PermissionDenied, match="outside the account’s tenants"):
        prepare_change(**place, operation="merchant.update", entity=entity, payload={"city": "Linz"})
    assert not Change.objects.exists()


def test_free_text_tells_nothing_of_what_exists_elsewhere(browser, houses):
    own, foreign = houses
    edit = address("merchants:edit", own)
    for name in (foreign.merchant.guid, "ME-UNHEARD-OF", foreign.tenant):
        values = {"name": name, "homepage": "https://shop.example", "timezone": "UTC"}
        values["base"] = _base(browser.get(edit).content.decode())
        assert browser.post(edit, values).status_code == 302, name
    assert not Event.objects.filter(outcome="denied").exists()


def test_a_reference_to_an_unknown_entity_and_to_a_foreign_one_are_refused_alike(lia, houses, connection):
    own, foreign = houses
    entity = read(connection, "connector", own.merchant.guid, own.guids["connectors"])
    place = {
        "user": lia,
        "origin": ORIGIN,
        "connection": "sandbox",
        "tenant_guid": own.tenant,
        "entity": entity,
    }

    def prepared(**payload):
        return prepare_change(**place, operation="connector.update", payload=payload)

    for guid in (foreign.guids["connectors"], "CO-UNHEARD-OF", "CO-\x00"):
        for payload in (
            {"addSettings": {"account-updater:connector-guid": guid}},
            {"routingMetaConnector": {"defaultConnector": guid}},
        ):
            with pytest.raises(PermissionDenied, match="outside the account’s tenants"):
                prepared(**payload)
    assert not Change.objects.exists()
    unlisted = connector_made(connection, own.merchant, name="Updater").guid
    IndexedEntity.objects.filter(guid=unlisted).delete()  # made elsewhere: nobody has looked since
    mine = prepared(addSettings={"account-updater:connector-guid": unlisted})
    assert mine.state == State.PREPARED
    removing = {"vault:external-vault-connector-guid": foreign.guids["connectors"]}
    assert prepared(removeSettings=removing, name=foreign.merchant.guid).state == State.PREPARED


def test_changes_of_other_tenants_do_not_exist_for_limited_people(browser, lia, agent, houses, client_of):
    theirs = client_of(agent)
    changes = []
    for house in houses:
        theirs.post(address("merchants:disable", house), {"reason": "risk"})
        theirs.post(address("tenants:edit", house), {})
        changes.append(Change.objects.get(target=house.merchant.guid))
    own, foreign = changes
    Change.objects.update(state=State.UNKNOWN)
    for path in ("/", "/changes/"):
        page = browser.get(path).content.decode()
        assert own.object_name in page and foreign.object_name not in page
    for step in ("page", "send", "cancel", "again", "check", "adopt", "reveal"):
        path = reverse(f"changes:{step}", args=[foreign.pk])
        assert browser.post(path).status_code in (404, 405)
        assert browser.get(path).status_code in (404, 405)
    assert browser.get(reverse("changes:page", args=[foreign.pk])).status_code == 404
    assert browser.get(reverse("changes:page", args=[own.pk])).status_code == 200


def test_a_limit_bites_at_the_next_request_and_on_changes_prepared_before(agent, houses, client_of):
    browser = client_of(agent)
    browser.post(address("merchants:disable", houses[1]), {"reason": "risk"})
    change = Change.objects.get()
    page = reverse("changes:page", args=[change.pk])
    assert browser.get(page).status_code == 200
    limited(agent, "sandbox", houses[0].tenant)
    for path in (page, address("merchants:page", houses[1])):
        assert browser.get(path).status_code == 404
    with pytest.raises(PermissionDenied):
        send_change(user=agent, origin=ORIGIN, change=change, reason="risk")
    change.refresh_from_db()
    assert change.state == State.PREPARED


def test_limited_users_do_not_see_rows_without_a_known_tenant(browser, houses, lia):
    IndexedEntity.objects.filter(guid=houses[0].guids["connectors"]).update(tenant_guid="")
    assert browser.get(address("connectors:page", houses[0])).status_code == 404
    assert houses[0].guids["connectors"] not in browser.get("/sandbox/connectors/").content.decode()


def test_other_connections_are_hidden_and_no_access_means_no_entries(browser, lia, houses):
    create_connection(slug="live", name="Live gateway", base_url="https://live.example", tenant_guid="TE-1")
    for path in ("/live/", "/live/merchants/", "/connections/live/"):
        assert browser.get(path).status_code == 404
    assert all(b"Live gateway" not in browser.get(path).content for path in ("/", "/connections/"))
    TenantScope.objects.all().delete()
    assert browser.get("/sandbox/merchants/").status_code == 404
    assert browser.get("/connections/").status_code == browser.get("/").status_code == 200


def test_access_can_cover_a_whole_connection(person, houses, client_of):
    browser = client_of(limited(person("leo", AGENT), "sandbox", ""))
    assert all(browser.get(address("merchants:page", house)).status_code == 200 for house in houses)
    assert browser.get("/live/merchants/").status_code == 404


@pytest.mark.parametrize("role", [MANAGER, ADMIN])
def test_rights_over_the_whole_portal_are_withheld_from_limited_people(person, connection, client_of, role):
    someone = limited(person("lou", role), "sandbox", "")
    assert someone.get_all_permissions() <= within_tenants(list(PERMISSIONS))
    browser = client_of(someone)
    for path in ("/audit/", "/audit/export/", "/staff/", "/connections/sandbox/reset/"):
        answer = browser.get(path)
        assert answer.status_code == 403 and "limited to some tenants" in answer.content.decode()
    assert Event.objects.filter(action="access.denied").count() == 4
