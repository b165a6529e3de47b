"""The daily review: what deserves a look, the sign-off as an event, days that wait, and who may."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection as database
from django.utils import timezone

from portal.audit import search
from portal.audit.daily_review import (
    ReviewRefused,
    get_day,
    get_first_day,
    get_sections,
    list_days,
    sign_off_day,
)
from portal.audit.event_types import EVENT_TYPES
from portal.audit.models import Event
from portal.audit.recording import ObjectRef, Origin, get_system_origin, record_event
from portal.audit.review_rules import REVIEW_RULES, ROUTINE
from portal.audit.triggers import install_triggers, remove_triggers
from provisioning.credentials.models import Connection

pytestmark = pytest.mark.django_db
ANA = Origin(7, "Ana", "Support agent", "s", "192.0.2.1", "r-1")
SHOP = ObjectRef("merchant", "g-1", "Example Shop")


@pytest.fixture(autouse=True)
def today(one_day):
    """Each test has a YESTERDAY of its own: midnight may pass during the run, and not during a test."""
    global YESTERDAY  # noqa: PLW0603
    YESTERDAY = (timezone.now().astimezone(UTC) - timedelta(days=1)).date()


def at(hour, action, *, days=1, **values):
    """Something that happened that many days ago, at that hour of UTC."""
    defaults = {"origin": ANA, "object": SHOP, "outcome": "accepted", "connection": "sandbox"}
    event = record_event(action=action, **defaults | values)
    moment = datetime.combine(YESTERDAY + timedelta(days=1), datetime.min.time(), UTC)
    remove_triggers(database)
    Event.objects.filter(pk=event.pk).update(time=moment - timedelta(days=days) + timedelta(hours=hour))
    install_triggers(database)
    return event.pk


def found(day=None):
    """Look → rows it finds in that day, by default yesterday."""
    sections = get_sections(get_day(day or YESTERDAY))
    return {
        section.rule.name: [event.pk for event in section.events] for section in sections if section.events
    }


@pytest.fixture
def office(settings):
    """Every day from 7 to 19 UTC."""
    settings.AUDIT_BUSINESS_DAYS, settings.AUDIT_BUSINESS_HOURS = (1, 7), (7, 19)


@pytest.fixture
def production(office):
    """A connection where real payments are taken."""
    return Connection.objects.create(
        slug="live", name="Live", kind="production", base_url="https://gateway.example", tenant_guid="TE-1"
    ).slug


def test_each_review_rule_finds_its_events_and_no_others(office):
    at(12, "change.accepted", after={"name": "x"})
    rows = {
        "denials": [at(12, "access.denied", outcome="denied")],
        "sign-ins": [at(12, "session.sign_in_locked", outcome="failed")],
        "credentials": [at(12, "credential.reset", outcome="success")],
        "staff": [at(12, "role.changed"), at(12, "staff.role_changed")][::-1],
        "trail": [at(12, "audit.found_broken", object=None)],
        "unknown": [at(12, "change.unknown", outcome="unknown")],
        "hours": [at(19, "change.accepted")],
    }
    at(12, "access.denied", days=2)
    assert found() == rows


def test_changes_in_production_are_dangerous_by_field_or_by_operation(production):
    heavy = {"before": {"disabled": False}, "after": {"disabled": True}}
    at(12, "change.accepted", **heavy)
    at(12, "change.intent", connection=production, **heavy)
    at(12, "change.accepted", connection=production, after={"city": "Graz"})
    one = at(12, "change.accepted", connection=production, **heavy)
    live = {"before": {"config": {"testMode": True}}, "after": {"config": {"testMode": False}}}
    two = at(12, "change.accepted", connection=production, **live)
    three = at(12, "change.accepted", connection=production, operation="routing.replace")
    assert found()["production"] == [three, two, one]


def test_what_was_production_once_still_counts(production):
    heavy = {"before": {"disabled": False}, "after": {"disabled": True}}
    row = at(12, "change.accepted", connection=production, **heavy)
    relabelled = {"before": {"kind": "production"}, "after": {"kind": "sandbox"}}
    Connection.objects.filter(slug=production).update(kind="sandbox")
    assert "production" not in found()
    at(13, "connection.updated", connection=production, **relabelled)
    assert found()["production"] == [row]


def test_every_action_is_in_a_review_rule_or_named_as_routine():
    looked_at = frozenset().union(*(look.actions for look in REVIEW_RULES.values()))
    assert looked_at | ROUTINE == set(EVENT_TYPES) and not looked_at & ROUTINE


def test_changes_in_the_portal_itself_are_out_of_hours_too(office):
    names = ("staff.created", "role.changed", "connection.paused", "credential.reset")
    rows = [at(20, action) for action in names]
    at(20, "session.signed_in"), at(20, "credential.suspected")
    assert found()["hours"] == rows[::-1]


def test_a_day_before_the_trail_began_is_none(manager, client_of):
    browser = client_of(manager)
    at(12, "access.denied")
    before = get_first_day() - timedelta(days=1)
    for address in (f"{before}", f"{YESTERDAY:%G-W%V-%u}", "2001-01-01"):
        assert browser.get(f"/audit/review/{address}/").status_code == 404
        assert browser.post(f"/audit/review/{address}/", {"note": "x"}).status_code == 404
    assert "Previous day" not in browser.get(f"/audit/review/{get_first_day()}/").content.decode()
    with pytest.raises(ReviewRefused, match="began later"):
        sign_off_day(by=manager, origin=ANA, day=before, note="x")


def test_a_new_trail_does_not_claim_that_days_are_signed_off(manager, client_of):
    text = client_of(manager).get("/audit/review/").content.decode()
    assert "No day to review yet" in text and "is signed off" not in text


def test_the_home_page_of_a_new_portal_does_not_claim_that_days_were_reviewed(manager, client_of):
    home = client_of(manager).get("/").content.decode()
    assert "No day to review yet" in home and "reviewed every day" not in home


def test_office_hours_are_those_of_the_setting(office, settings):
    early, late = at(6, "change.accepted"), at(18, "change.accepted")
    assert found()["hours"] == [early]
    settings.AUDIT_BUSINESS_ZONE = "Asia/Tokyo"
    assert found()["hours"] == [late]
    settings.AUDIT_BUSINESS_ZONE = "UTC"
    other = YESTERDAY.isoweekday() % 7 + 1
    settings.AUDIT_BUSINESS_DAYS = (other, other)
    assert found()["hours"] == [late, early]


def test_what_a_section_counts_is_what_its_link_shows(office, manager, client_of):
    for hour in range(12):
        at(hour + 1, "access.denied", outcome="denied")
    at(12, "access.denied", days=2)
    browser = client_of(manager)
    text = browser.get(f"/audit/review/{YESTERDAY}/").content.decode()
    assert "Denials: 12" in text and text.count("Ana (Support agent) was denied access") == 10
    query = f"?look=denials&amp;from={YESTERDAY}T00%3A00Z&amp;to={YESTERDAY + timedelta(days=1)}T00%3A00Z"
    assert query in text
    page = browser.get("/audit/" + query.replace("&amp;", "&"))
    assert len(page.context["table"].rows) == 12 and page.context["wanted"]["look"] == "denials"
    assert not browser.get("/audit/?look=nonsense").context["table"].rows


def test_a_manager_signs_a_day_off_once_with_a_note(manager, admin, client_of):
    at(12, "access.denied")
    row, browser = at(13, "access.denied"), client_of(manager)
    assert browser.post(f"/audit/review/{YESTERDAY}/", {"note": " "}).status_code == 422
    assert get_day(YESTERDAY).due
    assert browser.post(f"/audit/review/{YESTERDAY}/", {"note": "Asked Ana."}).url == "/audit/review/"
    event = Event.objects.get(action="audit.reviewed")
    assert event.sentence == (
        f"Max Manager (Manager) signed off day “{YESTERDAY}”: 2 events up to row {row}: Asked Ana."
    )
    assert "Signed off by Max Manager" in browser.get(f"/audit/review/{YESTERDAY}/").content.decode()
    second = client_of(admin).post(f"/audit/review/{YESTERDAY}/", {"note": "Me too."})
    assert second.status_code == 409 and "has already signed off this day" in second.content.decode()
    assert Event.objects.filter(action="audit.reviewed").count() == 1


def test_a_day_is_signed_off_when_it_is_over_and_by_those_who_may(manager, agent, client_of):
    today = timezone.now().astimezone(UTC).date()
    with pytest.raises(ReviewRefused, match="not over yet"):
        sign_off_day(by=manager, origin=ANA, day=today, note="too soon")
    with pytest.raises(PermissionDenied):
        sign_off_day(by=agent, origin=ANA, day=YESTERDAY, note="not me")
    assert (
        "can sign off this day once it is over"
        in client_of(manager).get(f"/audit/review/{today}/").content.decode()
    )
    for address in (f"{today + timedelta(days=1)}", "nonsense", "1999-12-31", "2026-1-1"):
        assert client_of(manager).get(f"/audit/review/{address}/").status_code == 404


def test_days_without_sign_off_stand_out_in_the_list_and_on_the_home_page(manager, agent, client_of):
    at(12, "access.denied", days=3)
    sign_off_day(by=manager, origin=ANA, day=YESTERDAY, note="fine")
    today = YESTERDAY + timedelta(days=1)
    assert [day.due for day in list_days(until=today, count=30)] == [False, False, False, True]
    browser = client_of(manager)
    text = browser.get("/audit/review/").content.decode()
    assert text.count('class="row-due"') == 1 and "1 day to review" in text and "No events" in text
    home = browser.get("/").content.decode()
    assert "1 day to review" in home and f"/audit/review/{today - timedelta(days=3)}/" in home
    assert "Daily review" not in client_of(agent).get("/").content.decode()


def test_older_days_are_a_page_away(manager, client_of):
    at(12, "access.denied", days=40)
    browser, today = client_of(manager), timezone.now().astimezone(UTC).date()
    assert f"?until={today - timedelta(days=30)}" in browser.get("/audit/review/").content.decode()
    older = browser.get(f"/audit/review/?until={today - timedelta(days=30)}")
    assert len(older.context["table"].rows) == 11 and "Newest</a>" in older.content.decode()
    assert [day.events for day in older.context["table"].rows] == [0] * 10 + [1]
    for nonsense in ("0001-01-01", "9999-12-31", "nonsense"):
        assert browser.get(f"/audit/review/?until={nonsense}").status_code == 200


def test_every_review_rule_explains_its_purpose():
    for name, look in REVIEW_RULES.items():
        assert look.name == name and look.title and look.why.endswith(".")
    record_event(action="session.signed_in", origin=get_system_origin("tests"))
    assert not found(timezone.now().astimezone(UTC).date())


def test_a_review_rule_that_timed_out_is_not_reported_as_calm(manager, client_of, monkeypatch):
    for name, value in {"RARE": 0, "WINDOW": 1, "QUICK": 0, "SEARCH_SECONDS": 0, "COUNT_SECONDS": 0}.items():
        monkeypatch.setattr(search, name, value)
    denied = at(12, "access.denied", outcome="denied")
    for _ in range(3):
        at(12, "session.signed_in")
    sections = {section.rule.name: section for section in get_sections(get_day(YESTERDAY))}
    assert sections["hours"].left_off and sections["hours"].count == "0+"
    text = client_of(manager).get(f"/audit/review/{YESTERDAY}/").content.decode()
    head, _, calm = text.partition("othing else: no")
    assert "this list is incomplete" in text and "Denials" in head and denied
    assert REVIEW_RULES.get("hours").title.lower() not in calm.partition("</p>")[0]


def test_the_findings_are_filled_in_again_after_a_step_up(manager, client_of):
    at(12, "change.accepted")
    browser, address = client_of(manager), f"/audit/review/{YESTERDAY}/"
    token = re.search(r'name="draft_token" value="([^"]*)"', browser.get(address).content.decode())[1]
    session = browser.session
    session["proved_at"] = 0
    session.save()
    answer = browser.post(address, {"note": "Two refusals, both explained", "draft_token": token})
    back = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
    page = browser.get(back)
    assert "Two refusals, both explained</textarea>" in page.content.decode()
    assert not page.context["form"].errors
    session["proved_at"] = int(timezone.now().timestamp())
    session.save()
    browser.post(address, {"note": "Two refusals, both explained", "draft_token": token})
    assert "You have an unsent form" not in browser.get(address).content.decode()
    assert get_day(YESTERDAY).signed is not None
