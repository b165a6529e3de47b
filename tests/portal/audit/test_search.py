"""Searches of several conditions: exact however they are carried out, and never longer than their time."""

from datetime import UTC

import pytest
from django.http import QueryDict

from portal.audit import search
from portal.audit.filters import parse_filters
from portal.audit.models import Event
from portal.audit.pagination import get_event_page
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.search import select_events

# Filters beside what an event must be to fit them.
FILTERS = {
    "words=review+early": lambda event: "review early" in event.reason,
    "words=early+late": lambda event: False,
    "words=review&role=Admin": lambda event: "review" in event.reason and event.actor_role == "Admin",
    "role=Admin&outcome=refused": lambda event: event.actor_role == "Admin" and event.outcome == "refused",
    "action=change.": lambda event: True,
    "action=change.&words=late": lambda event: "late" in event.reason,
    "object=shop": lambda event: event.object_guid in ("g-0", "g-1"),
    "object=g-2&field=name": lambda event: event.object_guid == "g-2" and "name" in event.after,
    "look=unknown&words=late": lambda event: False,
    "look=unknown&role=Admin": lambda event: event.action == "change.unknown",
    "actor=a": lambda event: True,
}


@pytest.fixture
def trail(db):
    """Sixty events of three objects, two people and two halves of the time."""
    names = ("Shop North", "Shop South", "Bakery")
    people = Origin(1, "Max", "Manager", "", "", ""), Origin(2, "Ana", "Admin", "", "", "")
    for number in range(60):
        record_event(
            action="change.refused" if number % 5 == 0 else "change.accepted",
            outcome="refused" if number % 5 == 0 else "accepted",
            origin=people[number % 2],
            object=ObjectRef("merchant", f"g-{number % 3}", names[number % 3]),
            reason=f"{'review' if number % 4 else 'asked'} {'early' if number < 30 else 'late'}",
            after={"name": "new"} if number % 2 else {"currency": "EUR"},
        )  # fmt: skip


def asked(query):
    """The filter of an address, looked up."""
    return select_events(parse_filters(QueryDict(query), UTC))


def hasten(monkeypatch):
    """No condition is rare, and a search has no time for more than one window of ten rows."""
    for name, value in {"RARE": 0, "WINDOW": 10, "QUICK": 0, "SEARCH_SECONDS": 0, "COUNT_SECONDS": 0}.items():
        monkeypatch.setattr(search, name, value)


@pytest.mark.parametrize("few_lines", [0, 12])
@pytest.mark.parametrize("rare", [0, 1000])
@pytest.mark.parametrize("query", FILTERS)
def test_a_search_finds_what_fits_and_all_of_it(trail, monkeypatch, few_lines, rare, query):
    monkeypatch.setattr(search, "FEW_LINES", few_lines)
    # Time enough, on the busiest machine.
    for name, value in {"RARE": rare, "WINDOW": 7, "SEARCH_SECONDS": 60, "COUNT_SECONDS": 60}.items():
        monkeypatch.setattr(search, name, value)
    fitting = [event.sequence for event in Event.objects.all() if FILTERS[query](event)]
    assert asked(query).numbers(100).found == fitting
    assert asked(query).numbers(100, oldest_first=True).found == fitting[::-1]
    assert asked(query).numbers(4, below=40).found == [number for number in fitting if number < 40][:4]
    assert list(asked(query).events().values_list("sequence", flat=True)) == fitting
    assert asked(query).count() == (len(fitting), True)


def test_a_search_whose_time_is_up_says_where_it_stopped_and_goes_on_from_there(trail, monkeypatch):
    hasten(monkeypatch)
    wanted = parse_filters(QueryDict("words=early+late"), UTC)
    places, page = [], get_event_page(wanted, QueryDict())
    while page.older:
        assert not page.events and page.count == "0+" and page.looked_until
        places.append(page.older)
        page = get_event_page(wanted, QueryDict(f"before={page.older}"))
    assert places == [51, 41, 31, 21, 11] and page.looked_until is None
    upwards = get_event_page(wanted, QueryDict("after=11"))
    assert upwards.newer == 21 and upwards.older == 12 and upwards.looked_until


def test_the_page_says_how_far_a_search_went(trail, monkeypatch, manager, client_of):
    browser = client_of(manager)
    hasten(monkeypatch)
    text = browser.get("/audit/?words=early+late").content.decode()
    assert "Searched as far as" in text and "No events match so far." in text and "before=5" in text
