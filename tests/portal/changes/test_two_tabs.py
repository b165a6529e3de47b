"""Each opened form has its own draft: what two tabs type is never mixed, and an accepted form says so."""

import re

import pytest

from portal.changes.models import Change, State
from portal.form_drafts.models import FormDraft
from tests.portal.changes.test_form_drafts import SECRET, TYPED, typed_into


@pytest.fixture(autouse=True)
def address(settings, merchant):
    """Return the address of a form; the pages are the portal's own."""
    settings.GATEWAY_TIMEOUT = 2.0
    settings.ROOT_URLCONF = "portal.urls"
    return f"/sandbox/merchants/{merchant.guid}/connectors/new/"


def test_two_tabs_with_the_same_form_have_two_drafts(browser, connection, address):
    tabs = [browser.get(address) for _ in range(2)]
    for name in ("Of the first tab", "Of the second tab"):
        for tab in tabs if name == "Of the first tab" else tabs[1:]:
            browser.post("/drafts/save/", typed_into(tab, name=name))
    browser.post("/drafts/save/", typed_into(tabs[0], name="Of the first tab, later"))
    page, home = browser.get(address).content.decode(), browser.get("/").content.decode()
    assert page.count("You have an unsent form from") == home.count(">Continue<") == 2
    links = re.findall(r'href="([^"]*draft=[^"]*)"', page)
    texts = [browser.get(link).content.decode() for link in links]
    assert 'value="Of the first tab, later"' in texts[0] and 'value="Of the second tab"' in texts[1]
    browser.post(address, typed_into(tabs[1], **TYPED | {"adapter": "Simulator", "apiKey": "second-tab"}))
    assert Change.objects.get().state == State.ACCEPTED
    page = browser.get(links[0]).content.decode()
    assert "Of the first tab, later" in page and "may have been sent" not in page
    assert FormDraft.objects.count() == 1


@pytest.mark.usefixtures("connection")
def test_a_draft_that_two_tabs_continue_is_not_mixed(browser, address, relay):
    """The second tab gets its own draft, and has to type the secrets of the first again."""
    browser.post(address, typed_into(browser.get(address), **TYPED, **{"config.password": SECRET}))
    url, writes = f"{address}?draft={FormDraft.objects.get().pk}", relay.writes
    one, two = browser.get(url), browser.get(url)
    browser.post("/drafts/save/", typed_into(one, **TYPED | {"name": "One"}))
    browser.post("/drafts/save/", typed_into(two, **TYPED | {"name": "Two"}))
    browser.post("/drafts/save/", typed_into(one, **TYPED | {"name": "One, later"}))
    assert FormDraft.objects.count() == 2
    assert 'value="One, later"' in browser.get(url).content.decode()
    again = TYPED | {"adapter": "Simulator", "name": "Two"}
    stopped = browser.post(address, typed_into(two, **again | {"apiKey": "tab-two"}))
    assert stopped.status_code == 422 and "Enter it again" in stopped.content.decode()
    stopped = browser.post(address, typed_into(stopped, **again | {"apiKey": "tab-two"}))
    assert stopped.status_code == 422 and relay.writes == writes
    browser.post(address, typed_into(one, **TYPED | {"adapter": "Simulator", "apiKey": "tab-one"}))
    assert Change.objects.get(state=State.ACCEPTED).body["config"]["password"] == "••••••"


def test_an_accepted_form_answers_where_it_led(browser, connection, address):
    """The browser's Back shows a form again that was accepted: its page links to the result."""
    typed = typed_into(browser.get(address), **TYPED | {"adapter": "Simulator", "apiKey": "accepted-form"})
    led_to = browser.post(address, typed)["Location"]
    answer = browser.post("/drafts/save/", typed)
    assert answer.status_code == 409 and answer.json() == {"submitted": led_to}
    assert browser.get(led_to).status_code == 200


@pytest.mark.parametrize("end", ["sent", "discarded"])
@pytest.mark.usefixtures("connection")
def test_a_secret_that_another_tab_took_away_is_not_left_out_in_silence(browser, address, relay, end):
    """Both tabs show the draft with “Kept until”; then the draft is gone."""
    browser.post(address, typed_into(browser.get(address), **TYPED, **{"config.password": SECRET}))
    draft = FormDraft.objects.get()
    one, two = (browser.get(f"{address}?draft={draft.pk}") for _ in range(2))
    again = TYPED | {"adapter": "Simulator"}
    if end == "sent":
        browser.post(address, typed_into(one, **again | {"apiKey": "first-of-two"}))
    else:
        browser.post(f"/drafts/{draft.pk}/discard/")
    assert not FormDraft.objects.exists()
    writes = relay.writes
    stopped = browser.post(address, typed_into(two, **again | {"apiKey": f"second-{end}"}))
    assert stopped.status_code == 422 and "Enter it again" in stopped.content.decode()
    assert relay.writes == writes
    left_out = again | {"apiKey": f"second-{end}", "leave_secret": "config.password"}
    assert browser.post(address, typed_into(stopped, **left_out)).status_code == 302
