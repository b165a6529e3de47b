"""A filter finds everything that fits it, or says that it was not understood; never less in silence."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict

from portal.audit import recording, search
from portal.audit.filters import parse_filters
from portal.audit.models import Event, KnownName, SavedFilter, Term
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.search import Rows, select_events
from portal.audit.triggers import find_missing_triggers, install_triggers, remove_triggers
from portal.audit.views import get_event_links
from tests.historical_models import historical_apps

pytestmark = pytest.mark.django_db
ANA = Origin(7, "Özlem", "Support agent", "s", "192.0.2.1", "r-1")


def record(**values):
    """One accepted change."""
    defaults = {"action": "change.accepted", "origin": ANA, "connection": "sandbox", "outcome": "accepted"}
    return record_event(**{**defaults, "object": ObjectRef("merchant", "g-1", "Shop"), **values}).pk


def found(query):
    """Numbers of the events that an address finds, newest first."""
    selection = select_events(parse_filters(QueryDict(query), UTC))
    numbers = selection.numbers(10_000).found
    assert numbers == list(selection.events().values_list("sequence", flat=True))
    return numbers


@pytest.fixture
def browser(manager, client_of):
    """A manager's browser."""
    return client_of(manager)


@pytest.fixture
def big_shops(monkeypatch):
    """More objects and people of one name than are looked up one by one."""
    monkeypatch.setattr(search, "FEW_NAMES", 5)
    for number in range(8):
        person = Origin(number, f"Ada {number}", "Support agent", "", "", "")
        record(object=ObjectRef("merchant", f"g-{number}", f"Big Shop {number}"), origin=person)
    record(object=ObjectRef("connector", "c-1", "Visa", "g-3", "Big Shop 3"))
    record(object=ObjectRef("unknown_person", "", "Big Shop person"))
    record(object=ObjectRef("merchant", "g-9", "Bakery"))


@pytest.mark.parametrize(
    ("query", "numbers"), [("object=big+shop", range(10, 0, -1)), ("actor=ada", range(8, 0, -1))]
)
def test_many_names_that_match_are_all_found_and_exported(big_shops, browser, query, numbers):
    assert found(query) == list(numbers)
    assert found(f"{query}&kind=merchant") == list(range(8, 0, -1))
    answer = browser.post(f"/audit/export/?{query}", {"form": "jsonl", "reason": "x"})
    assert len(b"".join(answer.streaming_content).splitlines()) == 1 + len(numbers)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("object=big", "More than 6 names match"),
        ("actor=ada", "More than 6 names match"),
        ("from=23.11.2026", "“23.11.2026” is not a date. Enter a date such as 24 Nov 2026."),
        ("from=2026-11-23T25:00", "“2026-11-23T25:00” is not a date"),
        ("to=9999-12-31", "“9999-12-31” is not a date"),
        ("when=ever", "“ever” is not a known period"),
        ("from=2026-02-02&to=2026-02-01", "must be later than"),
        ("role=Pirate", "There is and was no role “Pirate”"),
        ("connection=nowhere", "There is and was no connection “nowhere”"),
        ("kind=teapot", "“teapot” is not a known object type"),
        ("outcome=lost", "“lost” is not a known outcome"),
        ("action=change.eaten", "“change.eaten” is not a known event"),
        ("action=eaten.", "“eaten.” is not a known event"),
        ("look=away", "“away” is not a known highlight"),
        ("field=colour", "No change of a field “colour” has been recorded"),
        ("person=ada", "“ada” is not an account number"),
        ("words=x", "Enter at least one word with two or more letters instead of “x”"),
    ],
)
def test_invalid_filters_are_explained_and_neither_listed_nor_exported(
    big_shops, browser, monkeypatch, query, words
):
    monkeypatch.setattr(search, "MAX_NAMES", 6)
    for page in ("/audit/", "/audit/timeline/", "/audit/export/"):
        text = browser.get(f"{page}?{query}").content.decode()
        assert words in text and "Ada 1 (" not in text
    assert not browser.get(f"/audit/?{query}").context["table"].rows
    assert browser.get(f"/audit/timeline/?{query}").context["timeline"].total == 0
    refused = browser.post(f"/audit/export/?{query}", {"form": "csv", "reason": "x"})
    assert refused.status_code == 422 and words in refused.content.decode()
    assert not Event.objects.filter(action="audit.exported").exists()
    refused = browser.post(f"/audit/filters/?{query}", {"name": "Mine"})
    assert refused.status_code == 422 and words in refused.content.decode()
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "role=Support+agent", "role=Manager", "role=Gone", "connection=away", "kind=routing",
        "outcome=refused", "outcome=cancelled", "outcome=odd", "action=second_factor.", "look=hours",
        "field=name", "person=8", "words=no+x+yes",
    ],
)  # fmt: skip
def test_what_could_be_or_once_was_is_understood(query):
    record(connection="away", outcome="odd", after={"name": "x"}, origin=Origin(1, "A", "Gone", "", "", ""))
    assert not select_events(parse_filters(QueryDict(query), UTC)).problems


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("हिन्दी दुकान", ["हिन्दी", "दुकान", "हिन्दी दुकान"]),
        ("தமிழ் கடை", ["தமிழ்", "கடை"]),
        ("商店東京支店", ["商店", "東京", "店東", "東京支店", "商店東京支店"]),
        ("ร้านอาหาร", ["ร้าน", "อาหาร"]),
        ("Cafe\u0301 q\u0302uai", ["cafe\u0301", "café", "Q\u0302UAI"]),
    ],
)
def test_words_of_every_script_are_found(name, parts):
    row = record(reason=f"for {name}")
    record(reason="商 店 東北 京都 हि दु कान தமி")
    for part in parts:
        assert found(f"words={quote(part)}") == [row], part


def test_a_long_text_without_blanks_is_looked_for_by_few_pairs():
    row = record(reason="東京商店" * 50)
    assert found(f"words={quote('東京商店' * 50)}") == [row]


def test_names_are_found_however_they_are_written(db):
    row = record(object=ObjectRef("merchant", "g-1", "ÖTZI Läden"))
    assert found("object=ötzi+LÄD") == found("actor=öZLEM") == [row]


def test_every_word_of_the_longest_reason_and_message_is_found():
    words = [f"w{number:03}" for number in range(400)]
    row = record(reason=" ".join(words), message=" ".join(words).replace("w", "m"))
    for word in ("w000", "w399", "m000", "m399"):
        assert found(f"words={word}") == [row]


def test_a_clock_that_is_set_back_does_not_put_rows_out_of_order(monkeypatch):
    moments = [datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (0, 60, 5, 70)]

    class Clock(datetime):
        """Says the moments one after the other."""

        @classmethod
        def now(cls, tz=None):
            return moments[Event.objects.count()]

    monkeypatch.setattr(recording, "datetime", Clock)
    for _ in moments:
        record()
    times = list(Event.objects.order_by("sequence").values_list("time", flat=True))
    assert times == [moments[0], moments[1], moments[1], moments[3]]


def test_what_has_no_guid_is_found_by_its_name():
    row = record(action="session.sign_in_failed", object=ObjectRef("unknown_person", "", "Mallory"))
    assert found("object=mallory") == found("object=Mallory") == [row]


def test_what_was_written_before_becomes_findable_too():
    record(object=ObjectRef("unknown_person", "", "ÖTZI"), reason=" ".join(f"w{n:03}" for n in range(300)))
    terms, names = set(Term.objects.values_list("term")), set(KnownName.objects.values_list("name", "folded"))
    remove_triggers(connection)  # the migration comes before the guards of the index
    Term.objects.filter(term__in=("w:w299", "o:ÖTZI")).delete()
    KnownName.objects.filter(kind="object:unknown_person").delete()
    KnownName.objects.update(folded="")
    migration = import_module("portal.audit.migrations.0009_folded_names")
    apps = historical_apps("audit", "0017_access_seals")
    migration.fold(apps, None)
    migration.derive(apps, None)
    assert set(Term.objects.values_list("term")) == terms
    assert set(KnownName.objects.values_list("name", "folded")) == names


def test_a_guid_leaves_no_name_out_and_a_name_no_guid():
    about = record(object=ObjectRef("connection", "sandbox", "Sandbox"))
    named = record(object=ObjectRef("merchant", "g-1", "Sandbox Books"))
    person = record(object=ObjectRef("person", "1", "Ana"), connection="")
    shop = record(object=ObjectRef("merchant", "g-2", "Shop 1"))
    assert found("object=sandbox") == [named, about]
    assert found("object=1") == [shop, person]
    record(object=ObjectRef("merchant", "1", "Shop 1 as well"))
    assert len(found("object=1")) == 3


def test_many_names_leave_the_guid_in(big_shops):
    exact = record(object=ObjectRef("connection", "big", "Elsewhere"))
    assert found("object=big") == [exact, *range(10, 0, -1)]


def test_a_guid_that_is_in_no_name_is_one_walk_along_its_index(django_assert_num_queries):
    rows = [record(object=ObjectRef("merchant", "ME-77", "Shop")) for _ in range(3)]
    selection = select_events(parse_filters(QueryDict("object=ME-77"), UTC))
    with django_assert_num_queries(1):
        assert selection.numbers(50).found == rows[::-1]


def test_links_find_this_object_and_no_other_with_its_number(browser):
    rows = {
        kind: record(object=ObjectRef(kind, "1", f"A {kind}"), connection="")
        for kind in ("person", "role", "filter")
    }
    for row in rows.values():
        link = get_event_links(Event.objects.get(pk=row), browser.get("/").wsgi_request)["object_events"]
        assert [event.pk for event in browser.get(link).context["table"].rows] == [row]


def test_links_to_an_object_of_a_gateway_find_what_belongs_to_it_at_that_gateway(browser):
    shop = record(object=ObjectRef("merchant", "g-1", "Shop"))
    line = record(object=ObjectRef("connector", "g-2", "Visa", "g-1", "Shop"))
    record(object=ObjectRef("merchant", "g-1", "Other shop"), connection="elsewhere")
    link = get_event_links(Event.objects.get(pk=shop), browser.get("/").wsgi_request)["object_events"]
    answer = browser.get(link)
    assert [event.pk for event in answer.context["table"].rows] == [line, shop]
    assert "<code>g-1</code> and everything that belongs to it" in answer.content.decode()


def test_a_link_to_what_a_person_did_names_the_account(browser):
    people = [(7, "Ana Li"), (8, "Ana Lindt"), (9, "Diana Lisek"), (7, "Ana Neumann")]
    rows = [record(origin=Origin(number, name, "Manager", "", "", "")) for number, name in people]
    link = get_event_links(Event.objects.get(pk=rows[0]), browser.get("/").wsgi_request)["actor_events"]
    answer = browser.get(link)
    assert [event.pk for event in answer.context["table"].rows] == [rows[3], rows[0]]
    assert "Only events by Ana Neumann (account 7)" in answer.content.decode()
    assert parse_filters(QueryDict(link.partition("?")[2]), UTC).said == "By: Ana Neumann (account 7)"
    assert found("actor=Ana+Li") == rows[2::-1]
    program = record(origin=Origin(None, "verify_audit", "system", "", "", ""))
    link = get_event_links(Event.objects.get(pk=program), browser.get("/").wsgi_request)["actor_events"]
    assert [event.pk for event in browser.get(link).context["table"].rows] == [program]


@pytest.mark.sqlite  # which takes the index for a single row, too
def test_what_an_account_did_is_one_walk_along_its_index():
    record()
    (line,) = select_events(parse_filters(QueryDict("person=7"), UTC))._lines(Rows())
    assert "audit_by_account" in line.order_by("-sequence").explain()


def test_accents_do_not_matter_also_for_what_was_recorded_before():
    cafe = record(object=ObjectRef("merchant", "g-1", "Café İstanbul"), reason="für Łódź, O’Brien")
    whole = set(Term.objects.values_list("term")), set(KnownName.objects.values_list("name", "folded"))
    remove_triggers(connection)
    Term.objects.filter(term__in=("w:cafe", "w:istanbul", "w:fur", "w:lodz")).delete()
    KnownName.objects.filter(name="Café İstanbul").update(folded="café i̇stanbul")
    install_triggers(connection)
    assert found("object=cafe") == found("words=lodz") == []
    migration = import_module("portal.audit.migrations.0014_fold_accents")
    migration.apply(historical_apps("audit", "0017_access_seals"), SimpleNamespace(connection=connection))
    assert found("object=cafe") == found("object=ISTANBUL") == found("words=lodz o'brien") == [cafe]
    assert whole == (
        set(Term.objects.values_list("term")),
        set(KnownName.objects.values_list("name", "folded")),
    )
    assert not find_missing_triggers(connection)


@pytest.mark.parametrize(
    ("zone", "query", "since", "until"),
    [
        ("Europe/Vienna", "from=2026-10-25T02:10&to=2026-10-25T02:50", "10-25T00:10", "10-25T01:50"),
        ("America/New_York", "from=2026-11-01T01:10&to=2026-11-01T01:50", "11-01T05:10", "11-01T06:50"),
        ("Australia/Lord_Howe", "from=2026-04-05T01:40&to=2026-04-05T01:50", "04-04T14:40", "04-04T15:20"),
        ("Europe/Vienna", "from=24 Nov 2026&to=24 November 2026", "11-23T23:00", "11-24T23:00"),
    ],
)
def test_local_times_that_come_twice_cover_both(zone, query, since, until):
    wanted = parse_filters(QueryDict(query), ZoneInfo(zone))
    moments = [datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC) for text in (since, until)]
    assert [wanted.since, wanted.until] == moments and not wanted.problems


@pytest.mark.parametrize("name", ["from", "to"])
def test_a_time_that_the_clocks_skip_is_explained(name):
    wanted = parse_filters(QueryDict(f"{name}=2026-03-29T02:30"), ZoneInfo("Europe/Vienna"))
    assert "clocks went forward" in wanted.problems[name]
    for text in ("2026-03-29T01:59", "2026-03-29T03:00", "2026-03-29T02:30Z"):
        assert not parse_filters(QueryDict(f"{name}={text}"), ZoneInfo("Europe/Vienna")).problems
