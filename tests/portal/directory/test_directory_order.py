"""In which order lists and search show what they find, and that paging shows each row once."""

import random
import uuid

import pytest
from django.utils import timezone

from portal.directory import list_views
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.serialization import build_row, draft_row
from provisioning.entities import ENTITY_KINDS


@pytest.fixture
def browser(agent, client_of, connection):
    """Ana's browser, on an index that was just read."""
    now = timezone.now()
    for kind, parent in (
        ("tenant", ""),
        ("merchant", "TE-1"),
        ("connector", "ME-0"),
        ("merchant_user", "ME-0"),
    ):
        ListSync.objects.create(connection="sandbox", kind=kind, parent_guid=parent, refreshed_at=now)
    known("tenant", "TE-1", name="Tenant", parent="")
    return client_of(agent)


def known(kind, guid, *, parent="TE-1", tenant="TE-1", **values):
    """A row as a reading of the gateway would leave it."""
    entity = ENTITY_KINDS[kind].entity_class.from_answer({"guid": guid, **values}, parent=parent)
    draft = draft_row(entity, parent=parent, tenant=tenant)
    row = build_row(draft, connection="sandbox", seen_at=timezone.now())
    row.save()
    return row


def names(page):
    """The names on a list page, in order."""
    return [row["name"] for row in page.context["page"].object_list]


def searched(page):
    """The names in the first group of a search."""
    return [row["entry"].name for row in page.context["groups"][0]["rows"]]


def test_accented_names_sort_where_people_expect_them(browser):
    for number, name in enumerate(["Zeta", "Ölmühle", "Ägypten", "Łódź", "alpha", "Çarşi", "Über-Shop"]):
        known("merchant", f"ME-{number}", name=name)
    expected = ["Ägypten", "alpha", "Çarşi", "Łódź", "Ölmühle", "Über-Shop", "Zeta"]
    assert names(browser.get("/sandbox/merchants/")) == expected
    assert names(browser.get("/sandbox/merchants/?sort=-name")) == expected[::-1]


def test_underscores_hyphens_and_case_sort_alike_on_every_database(browser):
    words = ["a-b", "a_b", "A b", "ab", "aB c", "a.b", "(a)", "1a", "Z", "z a"]
    for number, name in enumerate(words):
        known("merchant", f"ME-{number}", name=name)
    rows = list(IndexedEntity.objects.filter(kind="merchant").values_list("sort_key", flat=True))
    shown = [row["sort_key"] for row in browser.get("/sandbox/merchants/").context["page"].object_list]
    assert shown == sorted(rows)


@pytest.mark.parametrize("address", ["/search/?q={}", "/sandbox/merchants/?q={}"])
def test_an_exact_name_comes_first_and_a_name_that_begins_so_next(browser, address):
    for number in range(60):
        known("merchant", f"ME-{number}", name=f"A{number:02} store", homepage="https://shop.example")
    known("merchant", "ME-B", name="Shopping world")
    known("merchant", "ME-X", name="Shop")
    page = browser.get(address.format("shop"))
    found = (
        names(page)
        if "page" in page.context
        else [r["entry"].name for r in page.context["groups"][0]["rows"]]
    )
    assert found[:2] == ["Shop", "Shopping world"]


@pytest.mark.parametrize(
    "pasted",
    [
        "https://shop-17.example/", "https://shop-17.example", "http://shop-17.example//",
        "HTTPS://SHOP-17.EXAMPLE/", "shop-17.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("stored", ["https://shop-17.example", "https://shop-17.example/"])
def test_a_pasted_web_address_finds_its_merchant(browser, pasted, stored):
    known("merchant", "ME-1", name="Seventeen", homepage=stored)
    known("merchant", "ME-2", name="Other", homepage="https://other.example")
    assert names(browser.get("/sandbox/merchants/", {"q": pasted})) == ["Seventeen"]
    assert [
        row["entry"].name for row in browser.get("/search/", {"q": pasted}).context["groups"][0]["rows"]
    ] == ["Seventeen"]


COLUMNS = ("created", "status", "country", "externalId")
SORTS = ["", "-name", *COLUMNS, *(f"-{column}" for column in COLUMNS)]


@pytest.mark.parametrize("sort", SORTS)
def test_paging_shows_each_row_once_in_both_directions(browser, monkeypatch, sort):
    monkeypatch.setattr(list_views, "PAGE_SIZE", 4)
    chance = random.Random(sort)  # noqa: S311 - only has to vary
    for number in range(19):
        values = {
            "name": chance.choice(["Alpha", "Beta", "Gamma"]),
            "country": chance.choice(["AT", "DE"]),
            "disabled": chance.choice([True, False]),
        }
        if chance.random() < 0.6:
            values |= {"externalId": chance.choice("xyz"), "createdAt": f"2026-01-0{chance.randint(1, 4)}"}
        known("merchant", f"ME-{number:02}", **values)
    address, forward = f"/sandbox/merchants/?sort={sort}", []
    for _ in range(5):
        page = browser.get(address).context["page"]
        forward.append([row["guid"] for row in page.object_list])
        last, address = address, f"/sandbox/merchants/?sort={sort}&page={page.number + 1}&after={page.after}"
    assert sorted(guid for guids in forward for guid in guids) == [f"ME-{number:02}" for number in range(19)]
    assert not page.after
    backward = [forward[-1]]
    for _ in range(4):
        page = browser.get(last).context["page"] if not backward[1:] else page
        page = browser.get(f"/sandbox/merchants/?sort={sort}&page=1&before={page.before}").context["page"]
        backward.insert(0, [row["guid"] for row in page.object_list])
    assert backward == forward
    assert not page.before


def test_rows_added_between_two_pages_show_no_row_twice(browser, monkeypatch):
    monkeypatch.setattr(list_views, "PAGE_SIZE", 5)
    for number in range(10):
        known("merchant", f"ME-{number}", name=f"M {number}")
    first = browser.get("/sandbox/merchants/")
    for number in range(3):
        known("merchant", f"ME-new-{number}", name=f"A {number}")
    text = first.content.decode()
    after = first.context["page"].after
    assert f"after={after}" in text
    second = browser.get(f"/sandbox/merchants/?page=2&after={after}")
    assert not set(names(first)) & set(names(second))
    assert names(second) == [f"M {number}" for number in range(5, 10)]
    page = second.context["page"]
    assert (page.start_index, page.end_index, page.count) == (9, 13, 13)


LONG = "x" * 300


@pytest.mark.parametrize(
    "query", ["after=ME-gone&page=2", "before=%00&page=2", "page=2", f"after={LONG}&page=2"]
)
def test_an_anchor_that_is_gone_leaves_the_page_number(browser, monkeypatch, query):
    monkeypatch.setattr(list_views, "PAGE_SIZE", 2)
    for number in range(4):
        known("merchant", f"ME-{number}", name=f"M {number}")
    assert names(browser.get(f"/sandbox/merchants/?{query}")) == ["M 2", "M 3"]


@pytest.mark.parametrize("sort", ["merchant", "-merchant", "adapter", "-adapter", "apiKey", "status"])
def test_connectors_sort_by_their_columns(browser, sort):
    for number, shop in enumerate(["Zeta", "Alpha"]):
        known("merchant", f"ME-{number}", name=shop)
        place = {"connection": "sandbox", "kind": "connector", "parent_guid": f"ME-{number}"}
        ListSync.objects.get_or_create(**place, defaults={"refreshed_at": timezone.now()})
        for card in range(2):
            known(
                "connector", f"CO-{number}{card}", parent=f"ME-{number}", name=uuid.uuid4().hex,
                adapter=f"Adapter {card}", apiKey=f"key {number}{card}",
            )  # fmt: skip
    rows = browser.get(f"/sandbox/connectors/?sort={sort}").context["page"].object_list
    assert len(rows) == 4
    values = {
        "merchant": [row["merchant_name"] for row in rows],
        "adapter": [row["fields"]["adapter"] for row in rows],
        "apiKey": [row["fields"]["apiKey"] for row in rows],
        "status": [row["status"] for row in rows],
    }[sort.removeprefix("-")]
    assert values == sorted(values, reverse=sort.startswith("-"))
