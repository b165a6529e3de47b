"""A draft ends: its form was submitted, its change was replaced, its page is closed to the person."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from portal.directory.models import IndexedEntity
from portal.directory.services import refresh_list
from portal.form_drafts.models import ClosedForm, FormDraft
from portal.form_drafts.services import remove_expired
from portal.staff.models import TenantScope
from tests.portal.changes.conftest import merchant_made
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
    assert not FormDraft.objects.exists() and "Unsent forms" not in browser.get("/").content.decode()
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


@pytest.mark.parametrize("lost", ["tenant", "permission"])
def test_home_offers_only_drafts_whose_page_is_open(browser, agent, merchant, lost):
    refresh_list(connection="sandbox", kind="tenant")
    tenants = IndexedEntity.objects.filter(kind="tenant").exclude(guid=merchant.parent)
    other = merchant_made(tenants.first().guid)
    for each in (merchant, other):
        edit = f"/sandbox/merchants/{each.guid}/edit/"
        typed = {"name": each.name, "homepage": "https://limit.example", "timezone": "UTC"}
        review = browser.post(edit, typed_into(browser.get(edit), **typed))["Location"]
        pages = [edit, f"/sandbox/merchants/new/?tenant={each.parent}", review]
        pages += [f"/sandbox/merchants/{each.guid}/{page}/" for page in ("disable", "connectors/new")]
        for page in pages:
            saved = browser.post("/drafts/save/", typed_into(browser.get(page), reason="x", name="y"))
            assert saved.status_code == 200, page
    assert browser.get("/").content.decode().count(">Continue<") == 10
    if lost == "tenant":
        type(agent).objects.filter(pk=agent.pk).update(is_limited=True)
        TenantScope.objects.create(user=agent, connection="sandbox", tenant_guid=merchant.parent)
    else:
        agent.groups.clear()
    home = browser.get("/").content.decode()
    assert home.count(">Continue<") == (5 if lost == "tenant" else 0)
    assert other.name not in home and (merchant.name in home) == (lost == "tenant")


def reviewed(browser, merchant, address="", **typed):
    """Prepare an edit of the merchant; return the address of its review."""
    edit = address or f"/sandbox/merchants/{merchant.guid}/edit/"
    form = {"name": merchant.name, "homepage": "https://shop.example", "timezone": "UTC"}
    answer = browser.post(edit, typed_into(browser.get(edit), **form | typed))
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def test_a_reason_typed_before_going_back_to_edit_is_in_the_new_review(browser, merchant):
    old = reviewed(browser, merchant, city="Linz")
    typed = {"reason": "Ticket 88", "confirmation": "typed for the old values"}
    browser.post("/drafts/save/", typed_into(browser.get(old), **typed))
    back = f"/sandbox/merchants/{merchant.guid}/edit/?change={old.split('/')[2]}"
    new = reviewed(browser, merchant, back, city="Wels", change=old.split("/")[2])
    page = browser.get(new).content.decode()
    assert "Ticket 88" in page and "Your entries from" in page and "for the old values" not in page
    draft = FormDraft.objects.get()
    home = browser.get("/").content.decode()
    assert home.count(">Continue<") == 1 and draft.path == new.partition("?")[0] and old not in home
    browser.post(f"{draft.path}send/", typed_into(browser.get(new), reason="Ticket 88"))
    assert not FormDraft.objects.exists()


@pytest.mark.parametrize("end", ["cancel", "send"])
def test_a_change_that_ends_elsewhere_closes_the_drafts_of_its_review(browser, merchant, end):
    review = reviewed(browser, merchant, city="Linz")
    typed = typed_into(browser.get(review), reason="Ticket 88")
    browser.post("/drafts/save/", typed)
    browser.post(f"{review}{end}/", {"reason": "From another tab"})
    assert "Unsent forms" not in browser.get("/").content.decode()
    assert not FormDraft.objects.exists()
    assert browser.post("/drafts/save/", typed).status_code == 409
