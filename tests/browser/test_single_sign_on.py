"""Single sign-on in a real Chromium, under the strict policy: there and back, step-up, and a refusal."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.tab import Tab
from tests.openid.provider import PASSWORD, Provider
from tests.running.demo import Demo

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(chromium: Browser, demo: Demo, openid: Provider) -> Iterator[Tab]:
    """A narrow tab that may visit the provider."""
    tab = Tab(chromium.new_context(viewport={"width": 390, "height": 900}), demo.url, openid.url)
    yield tab
    tab.close()


def leave(tab: Tab, button: str) -> None:
    """Presses the button and waits for the provider's page."""
    tab.page.get_by_role("button", name=button).click()
    tab.page.wait_for_url(f"{tab.elsewhere}/**")


def test_there_and_back_and_a_step_up_and_a_refusal(tab: Tab, openid: Provider) -> None:
    """Nora comes from her group, confirms at the provider, and is refused once she has left the group."""
    openid.person("nora", "portal-admins", first_name="Nora", last_name="Nowak", email="nora@example.com")
    tab.open("/accounts/login/?next=/staff/")
    tab.check()
    leave(tab, "Continue with Example ID")
    tab.page.fill("[name=login]", "nora")
    tab.page.fill("[name=password]", PASSWORD)
    tab.page.press("[name=password]", "Enter")
    tab.page.wait_for_url(f"{tab.base}/staff/")
    assert "Nora Nowak" in tab.text

    tab.open("/accounts/sso/confirm/?next=/staff/new/")
    tab.check()
    leave(tab, "Confirm at Example ID")
    tab.page.fill("[name=password]", PASSWORD)
    tab.page.press("[name=password]", "Enter")
    tab.page.wait_for_url(f"{tab.base}/staff/new/")

    openid.person("nora", "cooks")
    tab.context.clear_cookies()
    tab.open("/accounts/login/")
    leave(tab, "Continue with Example ID")
    tab.page.fill("[name=login]", "nora")
    tab.page.fill("[name=password]", PASSWORD)
    tab.page.press("[name=password]", "Enter")
    tab.page.wait_for_url(f"{tab.base}/**")
    assert "not in a group that has access" in tab.text
    tab.check()
