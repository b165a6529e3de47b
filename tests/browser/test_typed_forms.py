"""Nothing typed is lost, in a real browser: a closed tab, a session that ended, a form that was refused."""

import re
import uuid
from collections.abc import Callable

import pytest

from tests.browser.conftest import PASSPHRASE
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
FORM = "/sandbox/merchants/ME-1234-1234-1234-1234-1234-1234/connectors/new/"
PASSWORD = "canary-password-of-a-provider"


def saved(tab: Tab) -> None:
    """Waits until the page says that the draft is saved."""
    tab.page.get_by_text(re.compile(r"Draft saved at \d\d:\d\d")).wait_for()


def test_a_closed_tab_is_continued_without_its_secrets_ever_being_sent(tab_of: Callable[..., Tab]) -> None:
    """The password is never part of what the page saves by itself; it has to be typed again."""
    tab, name = tab_of("agent"), f"Draft {uuid.uuid4().hex[:8]}"
    sent: list[str] = []
    tab.page.on("request", lambda request: sent.append(request.post_data or ""))
    tab.open(FORM)
    tab.fill(name=name, apiKey="half", **{"config.password": PASSWORD})
    saved(tab)
    assert any("draft_secrets=config.password" in body for body in sent)
    assert not any(PASSWORD in body for body in sent)
    tab.check()
    # The browser crashes: no question, no unload.
    crashed = tab.page
    tab.page = tab.context.new_page()
    crashed.close()
    tab.open("/")
    assert "Unsent forms" in tab.text
    tab.check()
    tab.open(FORM)
    assert "You have an unsent form from" in tab.text
    tab.check()
    with tab.page.expect_navigation():
        tab.page.get_by_role("link", name="Continue", exact=True).click()
    assert tab.field("name").input_value() == name
    assert "no longer available" in tab.text and "Please check" not in tab.text
    tab.check()
    tab.open(FORM)
    tab.press("Discard")
    assert tab.path == FORM and "You have an unsent form" not in tab.text


def test_a_form_sent_after_the_session_ended_comes_back_filled_in(tab_of: Callable[..., Tab]) -> None:
    """Signed out elsewhere, the person signs in again and finds the form with everything that was typed."""
    tab, name = tab_of("agent"), f"Draft {uuid.uuid4().hex[:8]}"
    tab.open(FORM)
    tab.fill(name=name, adapter="Simulator", method="Creditcard", apiKey=f"key-{uuid.uuid4().hex[:8]}")
    tab.fill(**{"config.password": PASSWORD})
    saved(tab)
    tab.context.clear_cookies(name="portal-session")
    tab.press("Create")
    assert tab.path.startswith("/accounts/login/") and "Your input is" in tab.text
    tab.check()
    tab.fill(login="agent", password=PASSPHRASE)
    tab.press("Sign in")
    assert tab.path.startswith(FORM) and tab.field("name").input_value() == name
    assert "Nothing was changed" in tab.text and "Kept until" in tab.text
    assert PASSWORD not in tab.page.content()
    tab.check()
    tab.press("Create")
    assert re.fullmatch(r"/sandbox/connectors/CO-[\w-]+/", tab.path), tab.text


def test_back_leads_to_the_form_after_a_refusal(tab_of: Callable[..., Tab]) -> None:
    """A page that answered a form is not asked for again with a form: Back never finds a dead page."""
    tab = tab_of("agent")
    tab.open(FORM)
    tab.fill(
        name="Refused", adapter="NoSuchAdapter", method="Creditcard", apiKey=f"key-{uuid.uuid4().hex[:8]}"
    )
    with tab.page.expect_response(lambda answer: answer.request.method == "POST") as refused:
        tab.press("Create")
    assert refused.value.status == 422 and "draft=" in tab.path
    tab.page.reload()
    assert tab.field("name").input_value() == "Refused"
    tab.fill(adapter="Simulator")
    tab.press("Create")
    assert re.fullmatch(r"/sandbox/connectors/CO-[\w-]+/", tab.path), tab.text
    tab.page.go_back()
    assert tab.path.startswith(FORM) and "New connector" in tab.text
    tab.check()


def test_a_draft_that_could_not_be_saved_is_saved_when_the_tab_is_seen_again(
    tab_of: Callable[..., Tab],
) -> None:
    """A hidden tab cannot send a large form with a request that outlives it; a failed save is tried again."""
    tab = tab_of("agent")
    tab.open(FORM)
    tab.context.set_offline(True)
    tab.fill(name=f"Draft {uuid.uuid4().hex[:8]}", description="x" * 70_000)
    tab.page.get_by_text("The draft could not be saved").wait_for()
    tab.page.evaluate("""() => {
      window.hiddenNow = true;
      Object.defineProperty(document, "hidden", { get: () => window.hiddenNow, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    tab.context.set_offline(False)
    with tab.page.expect_response("**/drafts/save/") as answer:
        tab.page.evaluate("""() => {
          window.hiddenNow = false;
          document.dispatchEvent(new Event("visibilitychange"));
        }""")
    assert answer.value.status == 200
    saved(tab)


def test_a_form_that_was_accepted_says_so_when_it_is_shown_again(tab_of: Callable[..., Tab]) -> None:
    """The browser's Back may show the page as it was left, with the token of the accepted form."""
    tab = tab_of("agent")
    tab.open(FORM)
    key = f"key-{uuid.uuid4().hex[:8]}"
    tab.fill(name="Shown again", adapter="Simulator", method="Creditcard", apiKey=key)
    # The page stays: the same post without leaving it is what the browser's page cache leaves behind.
    led_to = tab.page.evaluate("""async () => {
      const form = document.getElementById("create-form");
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.action, { method: "POST", body });
      return new URL(answer.url).pathname;
    }""")
    assert re.fullmatch(r"/sandbox/connectors/CO-[\w-]+/", led_to)
    tab.fill(name="Typed later")
    tab.page.get_by_text("This form was already submitted").wait_for()
    tab.check()
    tab.follow("See the result")
    assert tab.path == led_to
