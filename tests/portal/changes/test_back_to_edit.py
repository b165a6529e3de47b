"""Back to edit: preparing a change again discards the one that its author went back from."""

import re

import pytest

from portal.audit.models import Event
from portal.changes.models import Change, State
from portal.form_drafts.models import FormDraft
from tests.factories import connector_made
from tests.portal.changes.conftest import actions, hidden, merchant_made

SHOP = {"name": "Café Müller", "homepage": "https://shop.example", "timezone": "UTC"}


@pytest.fixture
def production(connection):
    """Make the connection production, where a create is reviewed."""
    connection.kind, connection.name, connection.colour = "production", "Live", "red"
    connection.save()


def change_at(response):
    """Return the change to whose review a form led."""
    assert response.status_code == 302, response.content.decode()
    return Change.objects.get(pk=response["Location"].split("/")[2])


def back_to_edit(browser, change):
    """Return the address of "Back to edit"."""
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    links = re.findall(r'<a class="btn" href="([^"]+)".*?</a>', page)
    found = [link for link in links if f"={change.pk}" in link]
    assert found, page
    return found[0].replace("&amp;", "&")


def created(browser, address, **typed):
    """Submit the form of a new merchant at an address."""
    page = browser.get(address)
    return change_at(browser.post(address, {**SHOP, "submission": hidden(page, "submission"), **typed}))


def edited_at(browser, address, merchant, **typed):
    """Edit a merchant with the form at an address."""
    form = {name: merchant.values[name] for name in SHOP}
    return change_at(browser.post(address, {**form, "base": hidden(browser.get(address), "base"), **typed}))


def edit_page(merchant):
    return f"/sandbox/merchants/{merchant.guid}/edit/"


def states(*changes):
    return [Change.objects.get(pk=change.pk).state for change in changes]


def test_a_create_that_was_edited_leaves_one_to_send(browser, production, tenant):
    first = created(browser, f"/sandbox/tenants/{tenant}/merchants/new/")
    second = created(browser, back_to_edit(browser, first), name="Café Maier")
    assert states(first, second) == [State.CANCELLED, State.PREPARED]
    assert actions(first) == ["change.prepared", "change.cancelled"]
    assert actions(second) == ["change.prepared"]
    first.refresh_from_db()
    assert first.sealed_payload == "" and first.finished_at
    third = created(browser, back_to_edit(browser, second))
    assert states(first, second, third) == [State.CANCELLED, State.CANCELLED, State.PREPARED]


def test_an_edit_that_was_edited_leaves_one_to_send(browser, merchant):
    first = edited_at(browser, edit_page(merchant), merchant, city="Linz")
    second = edited_at(browser, back_to_edit(browser, first), merchant, city="Wels")
    assert states(first, second) == [State.CANCELLED, State.PREPARED]
    assert actions(first) == ["change.prepared", "change.cancelled"]


def test_an_action_that_was_begun_again_leaves_one_to_send(browser, merchant):
    first = change_at(browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"}))
    page = browser.get(back_to_edit(browser, first)).content.decode()
    assert re.search(r'<textarea[^>]*name="reason"[^>]*>Fraud</textarea>', page)
    second = change_at(browser.post(back_to_edit(browser, first), {"reason": "Fraud, ticket 12"}))
    assert states(first, second) == [State.CANCELLED, State.PREPARED]


def test_a_form_with_an_error_keeps_the_change_it_came_from(browser, production, tenant):
    first = created(browser, f"/sandbox/tenants/{tenant}/merchants/new/")
    address = back_to_edit(browser, first)
    assert browser.post(address, {**SHOP, "name": ""}).status_code == 422
    assert states(first) == [State.PREPARED] and Change.objects.count() == 1
    second = created(browser, address, name="Café Maier")
    assert states(first, second) == [State.CANCELLED, State.PREPARED]


def kept_form(browser, page, **typed):
    """Return the address of the draft saved while typing, and the form's data."""
    names = [name for name in ("submission", "base", "change", "draft_token") if f'name="{name}"' in page]
    form = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in names} | typed
    assert browser.post("/drafts/save/", form).status_code < 300
    draft = FormDraft.objects.get()
    return f"{draft.path}{'&' if '?' in draft.path else '?'}draft={draft.pk}"


def form_of(kind, merchant):
    """Return the address of a form, what is typed into it, and what is typed differently the next time."""
    form = {name: merchant.values[name] for name in SHOP}
    return {
        "create": (f"/sandbox/merchants/new/?tenant={merchant.parent}", SHOP, {"name": "Café Maier"}),
        "edit": (edit_page(merchant), form | {"city": "Linz"}, {"city": "Wels"}),
        "action": (f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"}, {"reason": "Risk"}),
    }[kind]


@pytest.mark.parametrize("kind", ["create", "edit", "action"])
def test_a_draft_remembers_the_change_that_it_came_from(browser, production, merchant, settings, kind):
    settings.ROOT_URLCONF = "portal.urls"
    address, typed, more = form_of(kind, merchant)
    page = browser.get(address)
    base = {"base": hidden(page, "base")} if kind == "edit" else {}
    first = change_at(browser.post(address, typed | base))
    page = browser.get(back_to_edit(browser, first)).content.decode()
    continued = kept_form(browser, page, **typed)
    shown = browser.get(continued)
    names = {"edit": ("base", "change"), "create": ("submission", "change"), "action": ("change",)}[kind]
    form = {name: hidden(shown, name) for name in names}
    second = change_at(browser.post(continued, typed | more | form))
    assert states(first, second) == [State.CANCELLED, State.PREPARED]


def test_a_change_of_another_entity_fills_in_nothing(browser, connection, merchant, settings):
    """Neither its values nor its secrets: they would be sent to the wrong connector."""
    settings.ROOT_URLCONF = "portal.urls"
    one, other = connector_made(connection, merchant), connector_made(connection, merchant)
    names = ("name", "adapter", "method", "apiKey", "postbackFormat", "publicIntegrationKey")
    pages = {each.guid: f"/sandbox/connectors/{each.guid}/edit/" for each in (one, other)}
    typed = {name: one.values[name] for name in names} | {"description": "Of the one"}
    typed |= {"config.password": "secret-of-the-one", "base": hidden(browser.get(pages[one.guid]), "base")}
    first = change_at(browser.post(pages[one.guid], typed))
    address = f"{pages[other.guid]}?change={first.pk}"
    page = browser.get(address)
    assert "Of the one" not in page.content.decode() and "Kept until" not in page.content.decode()
    form = {name: other.values[name] for name in names} | {"base": hidden(page, "base"), "alias": "A"}
    second = change_at(browser.post(address, form | {"change": str(first.pk)}))
    assert second.changed_values == {"alias": "A"} and states(first) == [State.PREPARED]


def test_a_forged_id_discards_nothing(browser, admin, client_of, merchant, production):
    """Not another person's change, entity or form, not one that was sent."""
    other = merchant_made(merchant.parent)
    colleagues = edited_at(client_of(admin), edit_page(merchant), merchant, city="Graz")
    others = edited_at(browser, edit_page(other), other, city="Graz")
    disabling = change_at(browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"}))
    creating = created(browser, f"/sandbox/tenants/{merchant.parent}/merchants/new/")
    sent = edited_at(browser, edit_page(merchant), merchant, city="Steyr")
    Change.objects.filter(pk=sent.pk).update(state=State.SENDING)
    kept = [colleagues, others, disabling, creating, sent]
    before = states(*kept)
    for number, pk in enumerate([*(change.pk for change in kept), merchant.guid, "x" * 40, ""]):
        address = f"{edit_page(merchant)}?change={pk}"
        edited_at(browser, address, merchant, city=f"Town {number}")
    assert states(*kept) == before
    assert not Event.objects.filter(action="change.cancelled").exists()


def posted(browser, address, page, **typed):
    """Submit a form that the browser still shows, with its own token; return the change to which it led."""
    names = [
        name
        for name in ("submission", "base", "change", "draft_token")
        if f'name="{name}" value' in page.content.decode()
    ]
    return change_at(browser.post(address, {name: hidden(page, name) for name in names} | typed))


@pytest.mark.parametrize("kind", ["create", "edit", "action"])
def test_the_browsers_back_leaves_one_to_send_and_carries_the_reason(
    browser, production, merchant, settings, kind
):
    """Back shows the form as it was left, with the token and the submission that were posted already."""
    settings.ROOT_URLCONF = "portal.urls"
    address, typed, more = form_of(kind, merchant)
    page = browser.get(address)
    changes = [posted(browser, address, page, **typed)]
    review = browser.get(f"/changes/{changes[0].pk}/")
    browser.post("/drafts/save/", {"draft_token": hidden(review, "draft_token"), "reason": "Ticket 88"})
    for number in range(2):
        changes.append(posted(browser, address, page, **typed | more | {"city": f"Town {number}"}))
        assert states(*changes) == [State.CANCELLED] * len(changes[1:]) + [State.PREPARED]
        assert FormDraft.objects.get().path == f"/changes/{changes[-1].pk}/"


def test_a_form_behind_back_to_edit_replaces_what_replaced_its_change(browser, merchant):
    """Back twice: the first form led to a change that "Back to edit" has replaced."""
    page, form = browser.get(edit_page(merchant)), {name: merchant.values[name] for name in SHOP}
    first = posted(browser, edit_page(merchant), page, **form, city="Linz")
    second = edited_at(browser, back_to_edit(browser, first), merchant, city="Wels")
    third = posted(browser, edit_page(merchant), page, **form, city="Graz")
    assert states(first, second, third) == [State.CANCELLED, State.CANCELLED, State.PREPARED]


def test_two_forms_of_the_same_entity_are_two_changes(browser, merchant):
    pages = [browser.get(edit_page(merchant)) for _ in range(2)]
    form = {name: merchant.values[name] for name in SHOP}
    changes = [posted(browser, edit_page(merchant), page, **form, city="Linz") for page in pages]
    assert states(*changes) == [State.PREPARED] * 2
