"""A support agent's whole day, in the order in which it happens, in one browser."""

import contextlib
import re
import uuid
from collections.abc import Callable

import playwright.sync_api
import pytest

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
TENANT = "TE-a100-0000-0000-0000-0000-0001"


@pytest.fixture
def merchant(tab_of: Callable[..., Tab]) -> tuple[Tab, str]:
    """A merchant just created by the agent: the tab on its page, and that page's path."""
    tab = tab_of("agent")
    return tab, merchant_created(tab)


def merchant_created(tab: Tab, **fields: str) -> str:
    """Creates a merchant through the form and returns the path of its page."""
    name = fields.pop("name", f"Corner Shop {uuid.uuid4().hex[:8]}")
    tab.open(f"/sandbox/merchants/new/?tenant={TENANT}")
    tab.fill(name=name, homepage="https://corner.example.org", **fields)
    tab.choose("timezone", "Europe/Vienna")
    tab.choose("country", "AT")
    tab.press("Create")
    assert re.fullmatch(r"/sandbox/merchants/ME-[\w-]+/", tab.path), tab.text
    assert name in tab.text
    return tab.path


def test_an_agent_creates_edits_disables_and_archives_a_merchant(merchant: tuple[Tab, str]) -> None:
    """Every update is reviewed before it is sent; the history tells all of it in the end."""
    tab, page = merchant
    tab.check()
    tab.open(page + "edit/")
    tab.fill(city="Graz", zipCode="8010")
    tab.check()
    tab.press("Review")
    assert "Graz" in tab.text
    assert "Nothing has been sent yet" in tab.text
    tab.check()
    tab.press("Confirm")
    tab.check()
    tab.open(page)
    assert "Graz" in tab.text
    for action, mark in (("disable", "Disabled"), ("enable", "Active"), ("archive", "Archived")):
        tab.open(f"{page}{action}/")
        tab.fill(reason=f"{action}, as the merchant asked")
        tab.check()
        tab.press(action.capitalize())
        tab.press("Confirm")
        tab.open(page)
        assert mark in tab.text
        tab.check()
    tab.open(page + "history/")
    assert "archive, as the merchant asked" in tab.text
    tab.check()


def test_an_agent_adds_a_web_user_and_an_api_user(merchant: tuple[Tab, str]) -> None:
    """Both types land on the page of the new user; the password is nowhere on it."""
    tab, page = merchant
    tab.open(page + "users/new/?type=web")
    tab.check()
    name = f"web.{uuid.uuid4().hex[:8]}"
    tab.fill(username=name, email=f"{name}@example.org", firstName="Wilma", lastName="Web")
    tab.press("Create")
    assert re.fullmatch(r"/sandbox/users/US-[\w-]+/", tab.path), tab.text
    assert name in tab.text
    tab.check()
    tab.open(page + "users/new/?type=api")
    tab.fill(username=f"api.{uuid.uuid4().hex[:8]}", password="Example-Passw0rd!")
    tab.press("Create")
    assert re.fullmatch(r"/sandbox/users/US-[\w-]+/", tab.path), tab.text
    assert "Example-Passw0rd!" not in tab.page.content()
    tab.check()
    tab.open(page + "users/")
    assert name in tab.text
    tab.check()


def connector_filled(tab: Tab, page: str, key: str) -> None:
    """Opens the form of a new connector and fills in what is needed."""
    tab.open(page + "connectors/new/")
    tab.fill(name="Corner Shop AT CC Simulator", adapter="Simulator", method="Creditcard", apiKey=key)


def test_an_agent_adds_a_connector_and_sees_its_generated_secret_once(merchant: tuple[Tab, str]) -> None:
    """After the first look the secret is gone, for reloads and for going back as well."""
    tab, page = merchant
    connector_filled(tab, page, f"corner-{uuid.uuid4().hex[:8]}")
    tab.check()
    tab.press("Create")
    assert re.fullmatch(r"/sandbox/connectors/CO-[\w-]+/", tab.path), tab.text
    connector = tab.path
    tab.check()
    tab.press("Show the generated secrets")
    secret = tab.page.locator("main code", has_text=re.compile(r"^\w{30}$")).first.inner_text()
    tab.check()
    tab.open(connector)
    assert secret not in tab.page.content()
    assert tab.page.get_by_role("button", name="Show the generated secrets").count() == 0
    with contextlib.suppress(playwright.sync_api.Error):  # a page that no cache kept cannot come back
        tab.page.go_back()
    tab.page.wait_for_load_state()
    assert secret not in tab.page.content()


def test_a_refusal_lands_on_its_field_and_keeps_what_was_typed(merchant: tuple[Tab, str]) -> None:
    """The gateway refuses an apiKey that is taken: the message is on the field, the rest is still there."""
    tab, page = merchant
    key = f"taken-{uuid.uuid4().hex[:8]}"
    connector_filled(tab, page, key)
    tab.press("Create")
    connector_filled(tab, page, key)
    tab.fill(description="typed with care")
    tab.press("Create")
    assert "1002" in tab.field_error("apiKey")
    assert tab.field("description").input_value() == "typed with care"
    tab.check()


def test_two_agents_editing_one_merchant_do_not_overwrite_each_other(
    merchant: tuple[Tab, str], tab_of: Callable[..., Tab]
) -> None:
    """The second is shown what changed meanwhile, and nothing of theirs is sent."""
    first, page = merchant
    second = tab_of("admin")
    for tab, city in ((first, "Linz"), (second, "Wels")):
        tab.open(page + "edit/")
        tab.fill(city=city)
    first.press("Review")
    first.press("Confirm")
    second.press("Review")
    assert "Linz" in second.text
    assert "changed this after you opened the form" in second.text
    assert second.field("city").input_value() == "Wels"
    second.check()
    first.open(page)
    assert "Linz" in first.text


def test_a_double_click_a_reload_and_the_back_button_send_once(tab_of: Callable[..., Tab]) -> None:
    """However often the button is pressed, there is one merchant of that name."""
    tab = tab_of("agent")
    name = f"Twice {uuid.uuid4().hex[:8]}"
    tab.open(f"/sandbox/merchants/new/?tenant={TENANT}")
    tab.fill(name=name, homepage="https://twice.example.org")
    with tab.page.expect_navigation(url=re.compile("/merchants/ME-")):
        tab.page.get_by_role("button", name="Create").dblclick(no_wait_after=True)
    tab.page.reload()
    tab.page.go_back()
    if tab.path.endswith(f"new/?tenant={TENANT}"):
        tab.press("Create")
    tab.open(f"/sandbox/merchants/?q={name.replace(' ', '+')}")
    assert tab.page.locator("main tbody tr").count() == 1


def test_the_day_works_without_javascript(tab_of: Callable[..., Tab]) -> None:
    """Forms are forms: searchable choices fall back to plain selects."""
    tab = tab_of("agent", java_script_enabled=False)
    page = merchant_created(tab)
    connector_filled(tab, page, f"plain-{uuid.uuid4().hex[:8]}")
    tab.press("Create")
    assert "/connectors/CO-" in tab.path
