"""The gateway's own pages in Chromium: nothing axe-core objects to, light and dark, down to a small phone."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from tests.chromium import INSTRUCTION, chromium_path

pytestmark = pytest.mark.browser
_PAGES = ["system-setup/api-keys/", "system-setup/api-keys/new/", "outbox/", "faults/"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = chromium_path()
    if not path:
        pytest.skip(INSTRUCTION)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page_path", _PAGES)
def test_a_page_has_no_barriers_and_fits_a_phone(gateway, chromium, page_path, scheme) -> None:
    page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800}, bypass_csp=True)
    page.goto(f"{gateway.root_url}/{page_path}")
    violations = Axe().run(page).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.close()
    assert [violation["id"] for violation in violations] == []
    assert wide <= 0


def test_a_person_creates_a_key_and_sees_its_password_once(gateway, chromium) -> None:
    page = chromium.new_page()
    page.goto(gateway.root_url)
    page.get_by_role("link", name="+ New API Key").click()
    page.get_by_label("Name").fill("By hand")
    page.get_by_label("Service").select_option("Provisioning API")
    page.get_by_label("Allowed addresses").fill("127.0.0.1,10.0.0.0/8")
    page.get_by_role("button", name="Create").click()
    password = page.locator("#password").inner_text()
    assert len(password) == 32
    page.get_by_role("link", name="I have copied it").click()
    assert "By hand" in page.content()
    assert password not in page.content()
    page.close()
