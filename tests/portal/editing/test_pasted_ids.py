"""An id or address that was pasted with something around it leads to its object."""

from datetime import UTC
from urllib.parse import quote

import pytest
from django.http import QueryDict

from portal.audit.filters import parse_filters
from portal.audit.models import Event
from portal.audit.recording import ObjectRef, get_system_origin, record_event
from portal.audit.search import select_events
from tests.factories import merchant_made

PASTES = [
    " {} ", "\u00a0{}\n", "\u200b{}", "{}\ufeff", "\u200e{}", "{}\u2060", '"{}"', "“{}”", "<{}>", "({})",
    "{}.", "{},",
    "{})", "{}).",
]  # fmt: skip


def changed(text):
    """The pastes, and the spellings of hyphens and letters."""
    yield from (paste.format(text) for paste in PASTES)
    yield from (text.replace("-", hyphen) for hyphen in "\u2010\u2011\u2013\u2212")
    yield from (text.lower(), text.upper())


@pytest.fixture
def browser(client_of, agent, connection):
    return client_of(agent)


def test_a_pasted_id_is_found_by_search_lists_and_the_audit_trail(browser, connection):
    shop = merchant_made(connection)
    browser.get("/sandbox/merchants/")
    record_event(
        action="change.accepted",
        origin=get_system_origin("test"),
        object=ObjectRef("merchant", shop.guid, shop.name),
        connection="sandbox",
        outcome="accepted",
    )
    event = Event.objects.get(object_guid=shop.guid)
    for text in changed(shop.guid):
        for address in ("/search/", "/sandbox/merchants/"):
            page = browser.get(address, {"q": text}, follow=True).content.decode()
            assert f"/sandbox/merchants/{shop.guid}/" in page, (address, text)
        wanted = parse_filters(QueryDict(f"object={quote(text)}"), UTC)
        assert event.pk in select_events(wanted).numbers(50).found, text


@pytest.mark.parametrize("end", [")", ",", ".", ">", "%E2%80%8B", "%20", ").", "”"])
@pytest.mark.parametrize("slash", ["{}{}", "{}{}/", "{}/{}", "{}/{}/"])
def test_an_address_with_something_behind_it_leads_to_its_page(browser, connection, end, slash):
    shop = merchant_made(connection)
    page = browser.get(slash.format(f"/sandbox/merchants/{shop.guid}", end), follow=True)
    assert page.status_code == 200
    assert page.redirect_chain[-1][0] == f"/sandbox/merchants/{shop.guid}/"


def test_an_unknown_address_stays_unknown(browser):
    for address in ("/nowhere)/", "/sandbox/merchants/ME-none/", "/sandbox/merchants/ME-none)/"):
        assert browser.get(address, follow=True).status_code == 404
