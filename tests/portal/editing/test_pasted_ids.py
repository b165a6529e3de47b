"""An id or address that was pasted with something around it leads to its object."""

from dataclasses import replace
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


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_a_pasted_ip_address_is_found_in_the_audit_trail(db, address):
    origin = replace(get_system_origin("test"), address=address)
    event = record_event(action="session.signed_in", origin=origin)
    spellings = [paste.format(address) for paste in PASTES] + [address.upper(), f"[{address}]"]
    for text in spellings:
        wanted = parse_filters(QueryDict(f"address={quote(text)}"), UTC)
        assert select_events(wanted).numbers(50).found == [event.pk], text


@pytest.mark.parametrize("paste", PASTES)
def test_a_pasted_day_and_field_are_understood(db, paste):
    event = record_event(
        action="change.accepted",
        origin=get_system_origin("test"),
        object=ObjectRef("merchant", "g", "Shop"),
        before={"city": "a"},
        after={"city": "b"},
    )
    day = f"{event.time:%Y-%m-%d}"
    for asked in (
        f"from={quote(paste.format(day))}&to={quote(paste.format(day))}",
        f"field={quote(paste.format('city'))}",
    ):
        wanted = parse_filters(QueryDict(asked), UTC)
        assert select_events(wanted).numbers(50).found == [event.pk], asked


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
