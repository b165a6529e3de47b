"""A draft ends: its form was submitted, its change was replaced, its page is closed to the person."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from portal.form_drafts.models import ClosedForm, FormDraft
from portal.form_drafts.services import remove_expired
from tests.portal.changes.test_form_drafts import TYPED, typed_into


@pytest.fixture(autouse=True)
def address(settings, merchant):
    """Return the address of a form; the pages are the portal's own."""
    settings.GATEWAY_TIMEOUT = 2.0
    settings.ROOT_URLCONF = "portal.urls"
    return f"/sandbox/merchants/{merchant.guid}/connectors/new/"


@pytest.mark.parametrize("kind", ["create", "edit", "review"])
def test_a_late_autosave_does_not_bring_back_a_form_that_was_submitted(
    browser, connection, merchant, address, kind
):
    edit = f"/sandbox/merchants/{merchant.guid}/edit/"
    typed = TYPED | {"adapter": "Simulator", "apiKey": "late-autosave"}
    if kind != "create":
        address, typed = edit, {"name": merchant.name, "homepage": "https://late.example", "timezone": "UTC"}
    page, target = browser.get(address), address
    if kind == "review":
        target = address = browser.post(edit, typed_into(page, **typed))["Location"]
        page, target, typed = browser.get(address), f"{address}send/", {"reason": "Ticket 7"}
    posted = typed_into(page, **typed)
    assert browser.post("/drafts/save/", posted).status_code == 200
    assert browser.post(target, posted).status_code == 302
    assert browser.post("/drafts/save/", posted).status_code == 409
    assert Client().post("/drafts/save/", posted)["Location"].startswith("/accounts/login/")
    assert not FormDraft.objects.exists() and "Unsaved drafts" not in browser.get("/").content.decode()
    if kind != "review":
        assert browser.post("/drafts/save/", typed_into(browser.get(address), **typed)).status_code == 200


@pytest.mark.usefixtures("connection")
def test_a_late_autosave_does_not_call_a_failed_form_unsent(browser, address, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("portal.changes.generic_views.messages.success", fail)
    browser.raise_request_exception = False
    posted = typed_into(browser.get(address), **TYPED | {"adapter": "Simulator", "apiKey": "late-failed"})
    assert browser.post(address, posted).status_code == 500
    browser.post("/drafts/save/", posted)
    page = browser.get(f"{address}?draft={FormDraft.objects.get().pk}").content.decode()
    assert "This form may have been sent" in page


def test_closed_forms_are_remembered_while_their_tokens_are_valid(browser, connection, address, settings):
    posted = typed_into(browser.get(address), **TYPED | {"adapter": "Simulator", "apiKey": "closed-form"})
    browser.post(address, posted)
    remove_expired()
    assert ClosedForm.objects.count() == 1
    ClosedForm.objects.update(closed_at=timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE))
    remove_expired()
    assert not ClosedForm.objects.exists()
