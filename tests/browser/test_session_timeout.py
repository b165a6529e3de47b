"""The warning before an idle session ends, and the page after it ended, in a real Chromium."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import PASSPHRASE
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
FORM, KEEP_ALIVE, SAVE = "/staff/new/", "**/accounts/keep-alive/", "**/drafts/save/"
MINUTE = 60_000


def form_tab(tab_of: Callable[..., Tab], username: str) -> Tab:
    """Open the form of a new person on a clock that the test moves, and type into it."""
    tab = tab_of("admin")
    tab.page.clock.install()
    tab.open(FORM)
    tab.fill(username=username)
    tab.page.clock.run_for(5_000)
    tab.page.get_by_text("Draft saved at").wait_for()
    return tab


def dialog(tab: Tab) -> Locator:
    """The dialog of the tab, whatever it says."""
    return tab.page.get_by_role("dialog")


def end_session(tab: Tab) -> None:
    """Let the session end, in the browser and on the page."""
    tab.context.clear_cookies()
    tab.page.clock.run_for(16 * MINUTE)
    dialog(tab).get_by_text("You were signed out").wait_for()


def press_continue(tab: Tab) -> None:
    """Press Continue and wait for the answer to it."""
    with tab.page.expect_response(KEEP_ALIVE):
        dialog(tab).get_by_role("button", name="Continue").click()


def sign_in_elsewhere(tab: Tab, username: str) -> None:
    """Sign in in another tab of the same browser."""
    other = Tab(tab.context, tab.base)
    other.sign_in(username, PASSPHRASE)
    other.page.close()


def csrf_token(page: Page) -> str:
    """The token with which the form would be sent."""
    return page.locator("main form[method=post] [name=csrfmiddlewaretoken]").first.input_value()


def assert_hidden(tab: Tab) -> None:
    """Assert that the dialog shows and nothing of the page does."""
    expect(dialog(tab)).to_be_visible()
    assert not tab.page.locator("main").is_visible()
    assert tab.page.title() == "Signed out"


def seen_at(page: Page) -> str:
    """The time of the last sign of life that all tabs share."""
    return str(page.evaluate("localStorage.getItem('portal-seen')"))


def test_a_warning_before_the_idle_end_keeps_what_was_typed(tab_of: Callable[..., Tab]) -> None:
    """The dialog comes two minutes before the end, and staying keeps the form."""
    tab = form_tab(tab_of, "typed.before")  # saving the draft is a sign of life, too
    tab.page.clock.run_for(14 * MINUTE)
    box = tab.page.get_by_role("dialog", name="Are you still there?")
    box.wait_for()
    tab.check()
    box.get_by_role("button", name="Stay signed in").click()
    box.wait_for(state="hidden")
    assert tab.field("username").input_value() == "typed.before"


def test_the_warning_itself_does_not_keep_the_session_alive(tab_of: Callable[..., Tab]) -> None:
    """The dialog takes the focus from the field typed into; its draft is saved without a sign of life."""
    tab = form_tab(tab_of, "typed.and.left")
    with tab.page.expect_response(SAVE):
        tab.field("username").press_sequentially(".again")
        tab.page.clock.run_for(3_000)
    for _ in range(600):  # the answer is noted a moment after it arrives
        if tab.page.evaluate("Date.now() - localStorage.getItem('portal-seen') < 3000"):
            break
        tab.page.wait_for_timeout(50)
    else:
        pytest.fail("the saved draft did not count as a sign of life")
    before = seen_at(tab.page)
    tab.page.clock.run_for(12 * MINUTE)
    with tab.page.expect_response(SAVE) as answer:
        tab.page.clock.run_for(MINUTE + 20_000)
    dialog(tab).wait_for()
    assert answer.value.status == 200 and "x-portal-poll" in answer.value.request.headers
    assert seen_at(tab.page) == before
    tab.page.clock.run_for(MINUTE)
    expect(dialog(tab).get_by_role("button", name="Stay signed in")).to_be_visible()
    tab.page.clock.run_for(2 * MINUTE)
    assert_hidden(tab)


def test_signing_in_elsewhere_and_continuing_sends_what_was_typed(tab_of: Callable[..., Tab]) -> None:
    """The page waits for Continue: if the dialog closed by itself, the click would hit what is behind it."""
    tab = form_tab(tab_of, "typed.until.the.end")
    token = csrf_token(tab.page)
    end_session(tab)
    assert_hidden(tab)
    expect(tab.page.get_by_role("dialog", name="You were signed out")).to_be_visible()
    tab.check()
    press_continue(tab)
    dialog(tab).get_by_text("You are still signed out").wait_for()
    assert_hidden(tab)

    sign_in_elsewhere(tab, "admin")
    tab.page.clock.run_for(MINUTE)
    tab.page.wait_for_timeout(1_000)  # an answer that would close the dialog has time to arrive
    assert_hidden(tab)
    press_continue(tab)
    dialog(tab).wait_for(state="hidden")
    assert tab.page.title() != "Signed out"
    assert tab.field("username").input_value() == "typed.until.the.end"
    assert csrf_token(tab.page) != token
    tab.press("Add and show")
    assert "typed.until.the.end" in tab.text


def test_the_warning_shows_again_after_continuing(tab_of: Callable[..., Tab]) -> None:
    """The next end of the session has its own warning, with its own words."""
    tab = form_tab(tab_of, "typed.twice")
    end_session(tab)
    sign_in_elsewhere(tab, "admin")
    press_continue(tab)
    dialog(tab).wait_for(state="hidden")
    tab.page.clock.run_for(14 * MINUTE)
    box = tab.page.get_by_role("dialog", name="Are you still there?")
    box.wait_for()
    expect(box.get_by_role("button", name="Stay signed in")).to_be_visible()
    expect(box.get_by_role("link", name="Sign in again")).to_be_hidden()


def test_another_person_who_signs_in_does_not_see_the_page(tab_of: Callable[..., Tab]) -> None:
    """What one person typed stays hidden from the next person at the same browser."""
    tab = form_tab(tab_of, "typed.by.admin")
    end_session(tab)
    sign_in_elsewhere(tab, "agent")
    tab.page.clock.run_for(MINUTE)
    assert_hidden(tab)
    press_continue(tab)
    dialog(tab).get_by_text("Someone else is signed in").wait_for()
    assert_hidden(tab)


def test_two_tabs_end_together_and_continue_one_by_one(tab_of: Callable[..., Tab]) -> None:
    """Signing out in one tab hides the others at once; each of them keeps its form."""
    first = form_tab(tab_of, "typed.in.one")
    second, third = Tab(first.context, first.base), Tab(first.context, first.base)
    second.open("/staff/")
    third.open("/staff/")
    third.page.locator("[data-menu] > summary").last.click()
    third.page.get_by_role("button", name="Sign out").click()
    third.page.wait_for_url(re.compile("/accounts/"))
    for tab in (first, second):
        dialog(tab).get_by_text("You were signed out").wait_for()
        assert_hidden(tab)
    sign_in_elsewhere(first, "admin")
    press_continue(first)
    dialog(first).wait_for(state="hidden")
    assert first.field("username").input_value() == "typed.in.one"
    assert_hidden(second)
    press_continue(second)
    dialog(second).wait_for(state="hidden")


@pytest.mark.parametrize("signed_out", ["redirect", "forbidden"])
def test_a_refused_autosave_does_not_extend_the_session(tab_of: Callable[..., Tab], signed_out: str) -> None:
    """Without a session the portal answers with 403, and with a valid form token with the sign-in page."""
    tab = form_tab(tab_of, "typed.too.late")
    csrf = [cookie for cookie in tab.context.cookies() if "csrf" in cookie["name"]]
    tab.context.clear_cookies()
    if signed_out == "redirect":
        tab.context.add_cookies(csrf)  # type: ignore[arg-type]
    before = seen_at(tab.page)
    tab.fill(username="typed.even.later")
    with tab.page.expect_response(SAVE) as answer:
        tab.page.clock.run_for(3_000)
    assert answer.value.status == {"redirect": 302, "forbidden": 403}[signed_out]
    tab.page.get_by_text("The draft could not be saved").wait_for()
    assert seen_at(tab.page) == before
    tab.page.clock.run_for(16 * MINUTE)
    assert_hidden(tab)


def test_a_step_up_in_another_tab_keeps_the_form_open(tab_of: Callable[..., Tab]) -> None:
    """The step-up page has no dialog, and the session goes on behind it under a new id."""
    tab = form_tab(tab_of, "typed.before.step.up")
    other = Tab(tab.context, tab.base)
    with tab.page.expect_response(KEEP_ALIVE) as answer:
        other.open("/accounts/confirm/?next=/staff/")
    assert answer.value.status == 200
    expect(dialog(other)).to_have_count(0)
    other.fill(password=PASSPHRASE)
    other.press("Confirm")
    tab.page.clock.run_for(MINUTE)
    expect(dialog(tab)).to_be_hidden()
    tab.press("Add and show")
    assert "typed.before.step.up" in tab.text


def test_a_portal_that_does_not_answer_says_so(tab_of: Callable[..., Tab]) -> None:
    """A failed request does not say that the person was signed out, and a late one changes nothing."""
    tab = form_tab(tab_of, "typed.offline")
    tab.page.clock.run_for(14 * MINUTE)
    box = dialog(tab)
    box.wait_for()
    tab.page.route(KEEP_ALIVE, lambda route: route.abort())
    box.get_by_role("button", name="Stay signed in").click()
    box.get_by_text("The portal did not answer").wait_for()
    tab.page.unroute(KEEP_ALIVE)

    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    tab.page.route(KEEP_ALIVE, hold_the_first)
    with tab.page.expect_request(KEEP_ALIVE):
        box.get_by_role("button", name="Continue").click()
    press_continue(tab)
    box.wait_for(state="hidden")
    held[0].abort()
    tab.page.wait_for_timeout(500)
    expect(box).to_be_hidden()
    assert tab.field("username").input_value() == "typed.offline"


def test_escape_cannot_close_the_dialog_after_the_end(tab_of: Callable[..., Tab]) -> None:
    """A browser may close a dialog on the second Escape without asking the page."""
    tab = form_tab(tab_of, "typed.escape")
    end_session(tab)
    for _ in range(3):
        tab.page.keyboard.press("Escape")
    tab.page.wait_for_timeout(500)
    assert_hidden(tab)
