"""A manager's morning: through the trail, closer and closer, and what an agent gets instead."""

from collections.abc import Callable

import pytest

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
PAGES = [
    "/audit/", "/audit/?look=denials", "/audit/1/", "/audit/timeline/", "/audit/review/",
    "/audit/filters/", "/audit/filters/?outcome=denied", "/audit/verify/",
]  # fmt: skip
MERCHANT = "/sandbox/merchants/ME-1234-1234-1234-1234-1234-1234/"


def test_an_agent_is_refused_every_page_of_the_trail(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("agent")
    for path in [*PAGES, "/audit/export/"]:
        assert tab.open(path) == 403, path
    tab.check()


def test_a_manager_walks_the_trail_and_signs_a_day_off(tab_of: Callable[..., Tab]) -> None:
    """Every page opens and keeps its promises; what was found is saved, shared and signed off."""
    assert tab_of("agent").open("/audit/") == 403
    tab = tab_of("manager")
    for path in PAGES:
        assert tab.open(path) == 200, path
    tab.open("/")
    assert "Daily review" in tab.text
    tab.open("/audit/timeline/?outcome=denied")
    with tab.page.expect_navigation():
        tab.page.locator(".chart a:has(rect.fill-red)").last.click()
    assert "outcome=denied" in tab.path and "from=" in tab.path
    tab.check()
    tab.follow("Save this filter")
    tab.fill(name="Denials of a day")
    tab.choose("role", "Manager")
    tab.press("Save")
    tab.check()
    tab.follow("Denials of a day")
    assert "was denied access" in tab.text
    # Today is not over yet.
    tab.open("/audit/review/")
    tab.page.locator("td a").first.click()
    assert "Sign off" not in tab.text and "over" in tab.text
    tab.check()
    assert tab.open("/audit/review/2026-01-01/") == 404


def test_the_history_of_a_merchant_leads_to_every_value_of_a_field(tab_of: Callable[..., Tab]) -> None:
    """From the page of a merchant to what its city was."""
    agent = tab_of("agent")
    agent.open(MERCHANT + "edit/")
    agent.fill(city="Klagenfurt")
    agent.press("Review")
    agent.press("Confirm and send")
    tab = tab_of("manager")
    tab.open(MERCHANT)
    tab.follow("History")
    tab.check()
    tab.follow("City")
    assert "All values of City" in tab.text and "Klagenfurt" in tab.text
    tab.check()
