"""The explorer: every filter, combined, in the person's zone, paged both ways, over names long gone."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.http import QueryDict
from django.utils import timezone

from portal.audit.filters import parse_filters
from portal.audit.models import Event, KnownName, Term
from portal.audit.pagination import PER_PAGE, get_event_page
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.search import select_events
from portal.audit.search_index import get_changed_fields, get_terms
from portal.audit.triggers import install_triggers, remove_triggers
from provisioning.gateway.secrets import Sealed
from tests.historical_models import historical_apps

ANA = Origin(7, "Ana Agent", "Support agent", "s", "192.0.2.1", "r-1")
MAX = Origin(8, "Max Manager", "Manager", "t", "192.0.2.2", "r-2")


def record(**values):
    """One accepted change of Ana's."""
    defaults = {"action": "change.accepted", "origin": ANA, "connection": "sandbox", "outcome": "accepted"}
    return record_event(**{**defaults, "object": ObjectRef("merchant", "g-1", "Old Name"), **values})


def found(query, zone=UTC):
    """Numbers of the events that an address finds, newest first."""
    events = select_events(parse_filters(QueryDict(query), zone)).events()
    return [event.sequence for event in events]


@pytest.fixture
def trail(db):
    """Four events: a rename, a denial, a change of another merchant below the same parent, a sign-in."""
    record(
        before={"name": "Old Name"},
        after={"name": "New Name"},
        reason="Asked by the mérchant",
        change_id="c-1",
    )
    denied = {"action": "access.denied", "outcome": "denied", "object": None, "connection": ""}
    record(**denied, origin=MAX, message="/staff/ needs staff.view")
    record(
        object=ObjectRef("connector", "g-2", "Visa line", "g-1", "New Name"),
        before={"config": {"url": "a", "token": Sealed("x")}},
        after={"config": {"url": "b", "token": Sealed("y")}},
        gateway_request_id="gw-9",
    )
    record(action="session.signed_in", object=None, outcome="success", connection="")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [4, 3, 2, 1]),
        ("object=old+name", [3, 1]),
        ("object=NEW", [3, 1]),
        ("object=g-2", [3]),
        ("object=gw-9", [3]),
        ("object=nothing", []),
        ("object=n", [3, 1]),
        ("object=visa&field=config.url", [3]),
        ("role=Manager", [2]),
        ("kind=connector", [3]),
        ("kind=merchant&object=old", [1]),
        ("action=change.", [3, 1]),
        ("action=access.denied", [2]),
        ("change=c-1", [1]),
        ("change=r-2", [2]),
        ("change=none", []),
        ("field=name", [1]),
        ("field=config", [3]),
        ("field=config.token", [3]),
        ("field=unheard", []),
        ("address=192.0.2.2", [2]),
        ("words=MÉRCHANT+asked", [1]),
        ("words=staff", [2]),
        ("words=ana&outcome=success", [4]),
        ("words=visa+nothing", []),
        ("words=%21", []),
        ("actor=man&words=staff", [2]),
        ("when=today", [4, 3, 2, 1]),
        ("when=yesterday", []),
        ("when=7&role=Manager", [2]),
        ("when=30", [4, 3, 2, 1]),
        ("when=nonsense", []),
        ("from=nonsense&to=2999-12-31", []),
        ("from=2999-01-01", []),
        ("to=1999-01-01T10:00", []),
    ],
)
def test_filters_find_and_combine(one_day, trail, query, numbers):
    assert found(query) == numbers


def test_an_object_is_found_by_parts_of_names_that_several_bear(db):
    record(object=ObjectRef("merchant", "g-1", "Shop North"))
    record(object=ObjectRef("merchant", "g-2", "Shop South", "g-1", "Shop North"))
    record(object=ObjectRef("merchant", "g-3", "Bakery"))
    assert found("object=shop") == [2, 1]


def test_days_are_those_of_the_persons_zone(db):
    vienna = ZoneInfo("Europe/Vienna")
    wanted = parse_filters(QueryDict("from=2026-03-29&to=2026-03-29"), vienna)
    assert wanted.since == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert wanted.until == datetime(2026, 3, 29, 22, tzinfo=UTC)
    exact = parse_filters(QueryDict("from=2026-01-31T10:00&to=2026-01-31T10:00Z"), vienna)
    assert exact.since == datetime(2026, 1, 31, 9, tzinfo=UTC) and exact.until.hour == 10


def test_a_span_is_exact_although_the_clock_was_set_back(db):
    for _ in range(4):
        record()
    remove_triggers(database)
    now = timezone.now()
    for number, minutes in ((1, -30), (2, -10), (3, -20), (4, -5)):
        Event.objects.filter(pk=number).update(time=now + timedelta(minutes=minutes))
    install_triggers(database)
    since = (now - timedelta(minutes=15)).isoformat().replace("+00:00", "Z")
    assert found(f"from={since}") == [4, 2] and found(f"to={since}") == [3, 1]


@pytest.mark.parametrize("query", ["", "words=ana", "object=g-1"])
def test_pages_lead_down_and_up_again(db, query):
    for _ in range(2 * PER_PAGE + 10):
        record()
    wanted = parse_filters(QueryDict(query), UTC)
    first = get_event_page(wanted, QueryDict())
    second = get_event_page(wanted, QueryDict(f"before={first.older}"))
    third = get_event_page(wanted, QueryDict(f"before={second.older}"))
    assert first.newer is None and len(third.events) == 10 and third.older is None
    up = get_event_page(wanted, QueryDict(f"after={third.newer}"))
    assert [event.pk for event in up.events] == [event.pk for event in second.events]
    top = get_event_page(wanted, QueryDict(f"after={up.newer}"))
    assert [event.pk for event in top.events] == [event.pk for event in first.events] and top.newer is None


def test_a_page_keeps_its_content_while_events_arrive(db):
    for _ in range(5):
        record()
    wanted = parse_filters(QueryDict(), UTC)
    before = [event.pk for event in get_event_page(wanted, QueryDict("before=4")).events]
    record()
    assert [event.pk for event in get_event_page(wanted, QueryDict("before=4")).events] == before == [3, 2, 1]


def test_counting_ends_at_a_bound(db, monkeypatch):
    for module in ("pagination", "search"):
        monkeypatch.setattr(f"portal.audit.{module}.COUNTED", 3)
    monkeypatch.setattr("portal.audit.pagination.PER_PAGE", 2)
    for _ in range(3):
        record()
    assert get_event_page(parse_filters(QueryDict(), UTC), QueryDict()).count == "3"
    record()
    assert get_event_page(parse_filters(QueryDict(), UTC), QueryDict()).count == "3+"


def test_the_page_offers_what_occurs_and_keeps_the_filter_in_its_links(trail, manager, client_of):
    text = client_of(manager).get("/audit/?when=7&outcome=denied&actor=max").content.decode()
    assert '<option value="denied" selected>' in text and '<option value="Ana Agent">' in text
    assert "1 event matches" in text and "outcome=denied&amp;actor=max&amp;when=30" in text


def test_filters_read_as_words():
    assert parse_filters(QueryDict(), UTC).words == "everything"
    words = parse_filters(QueryDict("actor=Ana&from=2026-01-01&to=2026-01-01"), UTC).words
    assert words == "From: 2026-01-01; To: 2026-01-01; Who: Ana; 2026-01-01 00:00 to 2026-01-02 00:00 UTC"
    assert parse_filters(QueryDict("when=7"), UTC).words.startswith("When: Last 7 days; ")
    assert parse_filters(QueryDict("when=7&look=sign-ins"), UTC).said == (
        "When: Last 7 days; Highlights: Failed sign-ins"
    )


def test_terms_are_bounded_and_folded():
    assert get_terms(Event(ancestors="", message="Éxample EXAMPLE x ﬁne")) == {"w:example", "w:fine"}
    assert len(get_terms(Event(ancestors="", message="ab " * 5000, reason="cd"))) == 2
    assert len(get_terms(Event(ancestors="", message="a" * 5000)).pop()) == len("w:") + 60
    assert get_changed_fields("", "") == () and get_changed_fields('{"a":{"b":1}}', '{"a":{"b":2}}') == (
        "a.b",
        "a",
    )


def test_events_from_before_the_explorer_become_findable(trail):
    def derived():
        return set(Term.objects.values_list("term", "event_id")), set(
            KnownName.objects.values_list("kind", "name")
        )

    before = derived()
    remove_triggers(database)
    Term.objects.all().delete()
    KnownName.objects.all().delete()
    import_module("portal.audit.migrations.0004_terms").derive(
        historical_apps("audit", "0017_access_seals"), None
    )
    assert (
        set(Term.objects.values_list("term", "event_id")),
        set(KnownName.objects.values_list("kind", "name")),
    ) == before
