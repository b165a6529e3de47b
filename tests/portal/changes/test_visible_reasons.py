"""Reasons and notes in the audit trail hold no invisible characters."""

import importlib

import pytest
from django import forms

from portal.changes.models import Change, State
from portal.core.field_types import TextField

HIDDEN = ["fraud\u200b, really", "fraud \u202eydaerla", "fraud\x00", "\u200b", "\ufeffticket 12"]
VISIBLE = "Näheres im\tTicket:\r\n- क्‍ष 👩‍💻"
NOTES = {"reason", "note", "comment", "explanation"}


def form_classes():
    """Use the portal's own pages."""
    importlib.import_module("portal.urls")
    waiting = [forms.BaseForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.startswith("portal."):
            yield form


def test_every_form_checks_its_reason_or_note():
    found = {
        f"{form.__name__}.{name}": isinstance(field, TextField)
        for form in form_classes()
        for name, field in getattr(form, "base_fields", {}).items()
        if name in NOTES
    }
    assert len(found) >= 9, found
    assert [name for name, checked in found.items() if not checked] == []


@pytest.fixture
def disabling(browser, merchant):
    """Return a dangerous prepared change."""
    browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"})
    return Change.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize("text", HIDDEN)
def test_a_change_is_not_sent_with_an_invisible_reason(browser, disabling, relay, text):
    refused = browser.post(f"/changes/{disabling.pk}/send/", {"reason": text})
    assert refused.status_code == 422 and "invisible character" in refused.content.decode()
    disabling.refresh_from_db()
    assert (disabling.state, disabling.reason, relay.writes) == (State.PREPARED, "Fraud", 0)


@pytest.mark.django_db
@pytest.mark.parametrize("text", HIDDEN)
def test_an_action_is_not_prepared_with_an_invisible_reason(browser, merchant, text):
    refused = browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": text})
    assert refused.status_code == 422 and "invisible character" in refused.content.decode()
    assert not Change.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("text", HIDDEN)
def test_a_change_is_not_closed_with_an_invisible_reason(browser, disabling, text):
    Change.objects.update(state=State.UNKNOWN)
    refused = browser.post(f"/changes/{disabling.pk}/close/", {"seen": "there", "reason": text})
    assert refused.status_code == 422 and "invisible character" in refused.content.decode()
    assert Change.objects.get().state == State.UNKNOWN


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["disable", "send", "close"])
def test_a_long_reason_is_never_cut(browser, merchant, relay, step):
    at_most, too_long = "x" * 2000, "x" * 2000 + "y"
    disable = f"/sandbox/merchants/{merchant.guid}/disable/"
    if step == "disable":
        assert browser.post(disable, {"reason": too_long}).status_code == 422
        assert not Change.objects.exists()
    browser.post(disable, {"reason": at_most})
    change = Change.objects.get()
    assert change.reason == at_most
    if step == "close":
        Change.objects.update(state=State.UNKNOWN)
    if step != "disable":
        typed = {"seen": "there", "reason": too_long}
        refused = browser.post(f"/changes/{change.pk}/{step}/", typed)
        assert refused.status_code == 422 and too_long in refused.content.decode()
        assert "at most 2,000 characters" in refused.content.decode() and relay.writes == 0


@pytest.mark.django_db
def test_a_reason_keeps_lines_and_joined_letters(browser, merchant):
    browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": f" {VISIBLE}\u00a0"})
    change = Change.objects.get()
    assert change.reason == VISIBLE.replace("\r\n", "\n")
    browser.post(f"/changes/{change.pk}/send/", {"reason": VISIBLE + "!"})
    change.refresh_from_db()
    assert (change.state, change.reason) == (State.ACCEPTED, VISIBLE.replace("\r\n", "\n") + "!")
