"""Denials: no key of an address is kept, and a flood of them makes a few events."""

from datetime import timedelta

import pytest
from django.test import Client

from portal.audit import denials
from portal.audit.denials import ONE_BY_ONE, record_denial_sums
from portal.audit.models import DenialCount, Event

pytestmark = pytest.mark.django_db


def denied():
    """The denials on record, oldest first."""
    return list(Event.objects.filter(action="access.denied").order_by("sequence"))


def later(monkeypatch, **span):
    """Have the windows end."""
    real = denials.timezone.now
    monkeypatch.setattr(denials.timezone, "now", lambda: real() + timedelta(**span))


@pytest.mark.parametrize("path", ["/accounts/password/set/{}/", "/accounts/password/set/{}"])
def test_a_refused_post_to_a_one_time_link_keeps_no_key(path, agent):
    key = "Canary-Key_0123456789abcdefghijklmnopqrstuvw"
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    browser.post(path.format(key), {"password": "x"}, follow=True)
    for event in Event.objects.all():
        assert key not in str([getattr(event, field.attname) for field in Event._meta.concrete_fields])
    assert key not in str(list(DenialCount.objects.values()))
    if path.endswith("/"):
        assert denied()[0].object_name == "/accounts/password/set/***/"


def test_a_flood_of_denials_makes_a_few_events_and_one_that_sums_up(client_of, agent, monkeypatch):
    browser = client_of(agent)
    for number in range(60):
        assert browser.get(f"/staff/{number + 1}/").status_code == 403
    assert len(denied()) == ONE_BY_ONE
    record_denial_sums()
    assert len(denied()) == ONE_BY_ONE  # the window is not over
    later(monkeypatch, minutes=6)
    record_denial_sums()
    record_denial_sums()
    last = denied()[-1]
    assert len(denied()) == ONE_BY_ONE + 1 and not DenialCount.objects.exists()
    assert "GET /staff/60/" in last.message and f"{60 - ONE_BY_ONE} more times" in last.message
    assert (last.actor_id, last.outcome, last.request_data["times"]) == (agent.pk, "denied", 60 - ONE_BY_ONE)


def test_other_people_pages_and_windows_are_counted_for_themselves(client_of, agent, monkeypatch):
    browser = client_of(agent)
    for _ in range(ONE_BY_ONE + 2):
        browser.get("/staff/1/")
    browser.get("/audit/")
    assert len(denied()) == ONE_BY_ONE + 1
    later(monkeypatch, minutes=6)
    browser.get("/staff/1/")
    # The one that begins the next window comes after what sums up the last one.
    assert ["more times" in event.message for event in denied()[-2:]] == [True, False]


def test_counted_denials_are_refused_all_the_same(client_of, agent, monkeypatch):
    browser = client_of(agent)
    for _ in range(ONE_BY_ONE + 1):
        answer = browser.get("/staff/1/")
    assert answer.status_code == 403 and b"view staff" in answer.content
