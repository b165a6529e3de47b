"""A manager's long work in a browser: begun, looked on at without a click, fetched; also without scripts."""

import time
from collections.abc import Callable

import pytest

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


def test_verification_and_export_finish_on_the_open_page(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("manager")
    tab.open("/audit/verify/")
    tab.press("Verify the whole chain")
    tab.page.get_by_role("heading", name="The audit trail is whole").wait_for()
    tab.check()
    tab.open("/audit/export/?when=7")
    tab.fill(reason="for the auditor")
    tab.field("background").check()
    tab.press("Export")
    assert tab.path == "/tasks/"
    link = tab.page.get_by_role("link", name="Download")
    link.wait_for()
    tab.check()
    with tab.page.expect_download() as download:
        link.click()
    assert "# Filter,When: Last 7 days" in download.value.path().read_text()


def test_background_work_needs_no_script(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("manager", java_script_enabled=False)
    tab.open("/audit/verify/")
    tab.fill(first="1", last="2")
    tab.press("Verify this part")
    tab.open("/tasks/")
    limit = time.monotonic() + 120
    while "2 rows verified, from row 1 to 2" not in tab.text:
        assert time.monotonic() < limit, tab.text
        tab.page.wait_for_timeout(500)
        tab.follow("Refresh")
    tab.follow("View result")
    assert "2 rows verified, from row 1 to 2" in tab.text
