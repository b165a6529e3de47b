"""Events over time: by hour, day, week and month of the person's zone, narrowed by every filter, bounded."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from portal.audit.filters import parse_filters
from portal.audit.models import Event
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.timeline import MAX_BARS, build_timeline
from portal.audit.triggers import install_triggers, remove_triggers

pytestmark = pytest.mark.django_db
VIENNA = ZoneInfo("Europe/Vienna")
ANA = Origin(7, "Ana", "Support agent", "s", "192.0.2.1", "r-1")


@pytest.fixture
def trail():
    """Records events at given times: trail("2026-01-31T10:00", outcome="refused", …)."""

    def record(*moments, **values):
        defaults = {"action": "change.accepted", "origin": ANA, "outcome": "accepted"}
        for moment in moments:
            event = record_event(**defaults | {"object": ObjectRef("merchant", "g-1", "Shop")} | values)
            remove_triggers(database)
            Event.objects.filter(pk=event.pk).update(time=datetime.fromisoformat(moment).replace(tzinfo=UTC))
            install_triggers(database)

    return record


def drawn(query, zone=UTC):
    """(day and hour of the zone, counts) of the bars that are not empty, and the timeline."""
    timeline = build_timeline(parse_filters(QueryDict(query), zone), zone)
    bars = [(f"{bar.since.astimezone(zone):%m-%d %H}", bar.counts) for bar in timeline.bars if bar.counts]
    return bars, timeline


def test_three_days_are_drawn_by_hour_and_each_outcome_is_counted(trail):
    trail("2026-01-31T10:05", "2026-01-31T10:59:59.999999", "2026-01-31T11:00")
    trail("2026-01-31T10:30", outcome="refused")
    bars, timeline = drawn("from=2026-01-30&to=2026-01-31")
    assert bars == [("01-31 10", {"accepted": 2, "refused": 1}), ("01-31 11", {"accepted": 1})]
    assert (timeline.unit, timeline.total, timeline.outcomes) == ("hour", 4, ["accepted", "refused"])


@pytest.mark.parametrize(
    ("query", "unit", "first"),
    [
        ("from=2026-01-01&to=2026-02-15", "day", "01-02 00"),
        ("from=2026-01-01&to=2026-06-15", "week", "12-29 00"),
        ("from=2020-01-01&to=2029-06-15", "week", "12-29 00"),
    ],
)
def test_longer_spans_are_drawn_by_day_and_week(trail, query, unit, first):
    trail("2026-01-02T10:00", "2026-01-20T10:00")
    bars, timeline = drawn(query)
    assert timeline.unit == unit and bars[0] == (first, {"accepted": 1}) and timeline.total == 2


def test_years_are_drawn_by_month_and_the_number_of_bars_is_bounded(trail):
    trail("2024-01-02T10:00", "2026-06-20T10:00")
    bars, timeline = drawn("from=1970-01-01&to=2026-07-01")
    assert timeline.unit == "month" and bars[-1] == ("06-01 00", {"accepted": 1}) and len(timeline.bars) == 31
    trail("1980-01-02T10:00")
    remove_triggers(database)
    Event.objects.filter(pk=1).update(time=datetime(1970, 1, 2, tzinfo=UTC))
    install_triggers(database)
    assert len(drawn("from=1900-01-01&to=2026-07-01")[1].bars) == MAX_BARS


def test_days_are_those_of_the_zone_also_when_the_clock_changes(trail):
    trail("2026-03-20T12:00", "2026-03-28T22:59", "2026-03-28T23:00", "2026-03-29T21:59", "2026-03-29T22:00")
    bars, timeline = drawn("from=2026-03-01&to=2026-03-31", VIENNA)
    assert [(day, counts["accepted"]) for day, counts in bars[1:]] == [
        ("03-28 00", 1),
        ("03-29 00", 2),
        ("03-30 00", 1),
    ]
    assert {bar.until - bar.since for bar in timeline.bars} == {timedelta(hours=24), timedelta(hours=23)}


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 3),
        ("outcome=refused", 1),
        ("actor=ana", 3),
        ("object=shop", 2),
        ("words=shop", 2),
        ("words=nothing", 0),
        ("from=2999-01-01", 0),
    ],
)
def test_it_counts_what_the_list_would_show(query, total):
    defaults = {"action": "change.accepted", "origin": ANA}
    record_event(**defaults, outcome="accepted", object=ObjectRef("merchant", "g-1", "Shop"))
    record_event(**defaults, outcome="refused", object=ObjectRef("merchant", "g-2", "Shop"))
    record_event(**defaults, outcome="accepted", object=ObjectRef("merchant", "g-3", "Bakery"))
    assert drawn(query)[1].total == total


def test_without_a_filter_only_the_index_of_time_is_read(trail):
    trail("2026-01-31T10:05")
    with CaptureQueriesContext(
        database,
    ) as captured:
        drawn("from=2026-01-01&to=2026-01-31")
    counting = captured[-1]["sql"]
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN" if database.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {counting}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "audit_by_time" in plan and ("COVERING" in plan or database.vendor == "postgresql")


def test_of_a_common_filter_only_the_newest_are_drawn_and_that_is_said(monkeypatch, manager, client_of):
    monkeypatch.setattr("portal.audit.timeline.MAX_COUNTED", 2)
    for _ in range(3):
        record_event(action="session.signed_in", origin=ANA, outcome="success")
    page = client_of(manager).get("/audit/timeline/?actor=ana").content.decode()
    assert "Only the newest 2 matching events are shown" in page
    assert "Only the newest" not in client_of(manager).get("/audit/timeline/").content.decode()


def test_a_bar_and_its_row_lead_closer_and_keep_the_filter(manager, client_of, trail):
    trail("2026-01-31T10:05", "2026-01-20T10:05")
    browser = client_of(manager)
    page = browser.get("/audit/timeline/?actor=ana&from=2026-01-01&to=2026-01-31").content.decode()
    day = "/audit/timeline/?actor=ana&amp;from=2026-01-31T00%3A00Z&amp;to=2026-02-01T00%3A00Z"
    assert page.count(f'href="{day}"') == 2 and "2 events by day" in page
    hours = browser.get(day.replace("&amp;", "&")).content.decode()
    hour = "/audit/?actor=ana&amp;from=2026-01-31T10%3A00Z&amp;to=2026-01-31T11%3A00Z"
    assert f'href="{hour}"' in hours and "1 event by hour" in hours
    events = browser.get(hour.replace("&amp;", "&")).context["table"].rows
    assert [event.pk for event in events] == [1]


def test_what_was_carried_out_in_the_portal_is_a_success(admin, agent, manager, client_of):
    assert client_of(admin).post(f"/staff/{agent.pk}/disable/", {"reason": "left"}).status_code == 302
    browser = client_of(manager)
    listed = browser.get("/audit/?outcome=success").context["table"].rows
    assert "staff.disabled" in [event.action for event in listed]
    page = browser.get("/audit/timeline/").content.decode()
    assert "Success" in page and "No outcome" not in page


def test_where_nothing_matches_no_empty_chart_is_drawn(manager, client_of):
    page = client_of(manager).get("/audit/timeline/?from=2026-01-01&to=2026-01-02").content.decode()
    assert "No events match" in page and "figures-title" not in page


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize(
    "query",
    ["from=0001-01-01&to=0001-01-03", "to=0001-01-01T05:00", "from=9999-12-31", "from=0001-01-02T00:00Z"],
)
def test_the_ends_of_the_calendar_are_no_error(query, zone, manager, client_of):
    type(manager).objects.filter(pk=manager.pk).update(timezone=zone)
    assert client_of(manager).get(f"/audit/timeline/?{query}").status_code == 200
