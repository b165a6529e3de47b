"""Whatever JSON a gateway puts into a property or a row: no page fails, and the rest of the list is shown."""

import json
import re
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from portal.directory.models import IndexedEntity, ListSync
from provisioning import contract
from tests.provisioning.gateway.wire import response, wire

TENANT, MERCHANT, OTHER = "TE-1111-1111", "ME-1111-1111", "ME-2222-2222"
SCHEMAS = {"merchant": "Merchant", "merchant_user": "MerchantUser", "connector": "Connector"}
WELL = {
    "merchant": {"guid": MERCHANT, "name": "Rosa", "homepage": "https://rosa.example", "timezone": "UTC"},
    "merchant_user": {"guid": "MU-1111-1111", "username": "rosa", "type": "web", "email": "rosa@example.com"},
    "connector": {
        "guid": "CO-1111-1111", "name": "Card", "adapter": "Simulator", "method": "Creditcard",
        "apiKey": "card",
    },
}  # fmt: skip
ROOMS = {"merchant": "merchants", "merchant_user": "users", "connector": "connectors"}
ODD_DATES = [
    "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+14:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00",
    "9999-12-31T23:59:59+00:00", "0000-00-00 00:00:00", "2026-02-30 00:00:00", "soon", "-1", "", 0, 1e308,
]  # fmt: skip


def nested(depth, leaf="x", sign="["):
    """JSON text of a value nested that deeply."""
    return sign * depth + json.dumps(leaf) + ("]" if sign == "[" else "}") * depth


odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(ODD_DATES)
    | st.sampled_from(["\x00", "\ud800", "\u202eevil", "<b>", "true", "1", MERCHANT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["guid", "name", "testMode", "0", "$digest", "$sealed"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


class OddGateway:
    """Lists one healthy tenant, and for each kind what a test puts into `rows`, as JSON text."""

    def __init__(self):
        self.rows = {kind: [json.dumps(row)] for kind, row in WELL.items()}

    def answer(self, path):
        lists = {
            "listMerchants": ("merchant", "merchants"),
            "listMerchantUsers": ("merchant_user", "merchantUser"),
            "listConnectors": ("connector", "connectors"),
        }
        kind, key = lists.get(re.match(r"/api/(\w+)", path)[1], ("", ""))
        if kind:
            return f'{{"success": true, "{key}": [{",".join(self.rows[kind])}]}}'
        return '{"success": true, "tenants": []}'


@pytest.fixture
def odd_gateway(connection, settings):
    """A gateway whose rows a test chooses."""
    settings.INDEX_MAX_AGE = 0
    gateway = OddGateway()

    def talk(peer):
        path = server.requests[-1].split(b" ")[1].decode()
        peer.sendall(response(gateway.answer(path)))

    with wire(talk) as server:
        connection.base_url, connection.tenant_guid = server.url, TENANT
        connection.save()
        yield gateway


@pytest.fixture
def browser(agent, client_of):
    """A support agent's browser."""
    agent.timezone = "Asia/Tokyo"
    agent.save()
    return client_of(agent)


def indexed():
    """Rows of the three entities, so that their pages can be opened."""
    seen = {"connection": "sandbox", "tenant_guid": TENANT, "seen_at": "2026-01-01T00:00:00Z"}
    IndexedEntity.objects.update_or_create(
        kind="tenant", guid=TENANT, defaults={**seen, "name": "Own", "tenant_guid": ""}
    )
    for kind, row in WELL.items():
        parent = TENANT if kind == "merchant" else MERCHANT
        name = row.get("name", "rosa")
        values = {**seen, "parent_guid": parent, "name": name, "digest": ""}
        IndexedEntity.objects.update_or_create(kind=kind, guid=row["guid"], defaults=values)


def opened(browser, kind):
    """Opens every page that shows or decides on the entity, refreshed; returns the list's text."""
    room, guid = ROOMS[kind], WELL[kind]["guid"]
    indexed()
    ListSync.objects.update(failed_at=None)
    browser.post(f"/sandbox/{room}/" + ("" if kind == "merchant" else f"?merchant={MERCHANT}"))
    pages = {
        "list": browser.get(f"/sandbox/{room}/" + ("" if kind == "merchant" else f"?merchant={MERCHANT}")),
        "page": browser.get(f"/sandbox/{room}/{guid}/"),
        "edit": browser.get(f"/sandbox/{room}/{guid}/edit/"),
        "disable": browser.get(f"/sandbox/{room}/{guid}/disable/"),
        "disabling": browser.post(f"/sandbox/{room}/{guid}/disable/", {"reason": "test"}),
        "search": browser.get("/search/", {"q": "rosa"}),
    }
    base = pages["edit"].context and pages["edit"].context.get("base")
    if base:
        pages["editing"] = browser.post(f"/sandbox/{room}/{guid}/edit/", {"base": base, "name": "Rosa 2"})
    if pages["disabling"].status_code == 302:
        pages["change"] = browser.get(pages["disabling"]["Location"])
        pages["changes"] = browser.get("/changes/")
    broken = {name: page.status_code for name, page in pages.items() if page.status_code >= 500}
    assert not broken, (broken, kind)
    return pages


@contextmanager
def row(gateway, kind, texts):
    """One row with JSON texts in some properties, between two healthy ones."""
    healthy = [json.dumps({**WELL[kind], "guid": guid}) for guid in ("ZZ-1", "ZZ-2")]
    values = {key: json.dumps(value) for key, value in WELL[kind].items()} | texts
    odd_row = "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in values.items()) + "}"
    kept = gateway.rows[kind]
    gateway.rows[kind] = [healthy[0], odd_row, healthy[1]]
    try:
        yield
    finally:
        gateway.rows[kind] = kept


def properties(kind):
    """The properties of a kind."""
    return sorted(contract.schema(SCHEMAS[kind])["properties"].keys() - {"guid"})


@pytest.mark.parametrize("kind", SCHEMAS)
def test_random_json_in_any_property_breaks_no_page(odd_gateway, browser, kind):
    browser.raise_request_exception = False

    @given(st.dictionaries(st.sampled_from(properties(kind)), odd, min_size=3, max_size=8))
    @settings(
        max_examples=15, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def try_one(values):
        with row(odd_gateway, kind, {name: json.dumps(value) for name, value in values.items()}):
            pages = opened(browser, kind)
            assert b"ZZ-1" in pages["list"].content and b"ZZ-2" in pages["list"].content

    try_one()


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_property_of_a_wrong_type_or_depth_breaks_no_page(odd_gateway, browser, kind):
    browser.raise_request_exception = False
    for text in ['"abc"', "5", '["x"]', '[{"x": 1}]', '{"x": {"y": []}}', *map(nested, (60, 400, 900))]:
        with row(odd_gateway, kind, dict.fromkeys(properties(kind), text)):
            opened(browser, kind)


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_no_date_breaks_a_page_in_any_zone(odd_gateway, browser, agent, kind, zone):
    agent.timezone = zone
    agent.save()
    browser.raise_request_exception = False
    names = {"createdAt", "validUntil", "passwordValidUntil"} & set(properties(kind))
    for value in ODD_DATES[:5]:
        with row(odd_gateway, kind, dict.fromkeys(names, json.dumps(value))):
            opened(browser, kind)


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(odd_gateway, browser):
    odd_gateway.rows["merchant"] = [
        json.dumps(WELL["merchant"] | {"createdAt": "9999-12-31T23:59:59-01:00", "city": {"a": 1}}),
        json.dumps({"guid": OTHER, "name": "Well", "disabled": "maybe"}),
        json.dumps({"name": "nobody"}),
        json.dumps({"guid": "ME/../evil?", "name": "odd"}),
        json.dumps({"guid": "x" * 101}),
        json.dumps({"guid": OTHER, "name": "again"}),
        '"text"',
        "null",
    ]
    pages = opened(browser, "merchant")
    shown = pages["list"].content.decode()
    assert "unreadable: createdAt: not a date, or out of range; city: not a text" in shown
    assert "unreadable: row 3: it has no GUID" in shown
    assert "unreadable: row 4 (GUID “ME/../evil?”): its GUID cannot be part of an address" in shown
    assert "row 5" in shown and "row 6 (GUID “ME-2222-2222”): its GUID is listed twice" in shown
    assert "row 7: it is not an object" in shown and "row 8" in shown
    assert "Well" in shown and "unreadable: disabled: neither yes nor no" in shown
    assert "unreadable: city: not a text" in pages["page"].content.decode()
    assert "unreadable: city: not a text" in pages["edit"].content.decode()
    assert IndexedEntity.objects.get(guid=OTHER).status == "unreadable"


def test_harmless_slips_are_read(odd_gateway, browser):
    slips = {"zipCode": 1010, "disabled": "1", "trids": [], "defaultRiskRuleSet": "7", "city": None}
    odd_gateway.rows["merchant"] = [json.dumps(WELL["merchant"] | slips)]
    page = opened(browser, "merchant")["page"].content.decode()
    assert "unreadable" not in page and "1010" in page
    assert IndexedEntity.objects.get(guid=MERCHANT).disabled
