"""A second factor in a real Chromium: an app, a passkey on a virtual security key."""

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser

from tests.browser.conftest import PASSPHRASE
from tests.browser.tab import Tab
from tests.running.demo import Demo

pytestmark = pytest.mark.browser
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def tab(chromium: Browser, demo: Demo) -> Iterator[Tab]:
    """A tab at http://localhost, with a security key plugged in: no passkey belongs to a bare address."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    tab = Tab(context, demo.url.replace("127.0.0.1", "localhost"))
    devtools = context.new_cdp_session(tab.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    yield tab
    tab.close()


def sign_in(tab: Tab, name: str) -> None:
    """The password step."""
    tab.open("/accounts/login/")
    tab.fill(login=name, password=PASSPHRASE)
    tab.press("Sign in")


def test_a_passkey_is_added_asked_for_and_removed(tab: Tab) -> None:
    """The whole life of a passkey, step-up included."""
    sign_in(tab, "manager")
    tab.open("/accounts/second-factor/passkeys/add/")
    tab.check()
    tab.fill(name="Blue key")
    tab.press("Add the passkey")
    assert "Save these codes" in tab.text
    tab.check()
    codes = tab.page.locator("ul.codes li").all_inner_texts()
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.get_by_role("button", name="Copy codes").click()
    tab.page.get_by_text("Codes copied.").wait_for()
    assert str(tab.page.evaluate("navigator.clipboard.readText()")).split() == codes
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download codes").click()
    assert saved.value.path().read_text().split() == codes
    tab.check()
    tab.open("/accounts/second-factor/")
    assert "Blue key" in tab.text
    tab.check()

    tab.context.clear_cookies()
    sign_in(tab, "manager")
    assert tab.path == "/accounts/second-factor/code/"
    tab.check()
    tab.press("Use a passkey")
    assert tab.open("/accounts/profile/") == 200

    tab.open("/accounts/second-factor/passkeys/confirm/?next=/accounts/sessions/")
    tab.check()
    tab.press("Use a passkey")
    assert tab.path == "/accounts/sessions/"

    tab.open("/accounts/second-factor/")
    tab.follow("Remove Blue key")
    tab.check()
    tab.fill(password=PASSPHRASE)  # the passkey was given again just now
    tab.press("Confirm")
    tab.check()
    tab.press("Remove")
    assert "Blue key" not in tab.text


def test_an_app_is_set_up_from_the_page(tab: Tab) -> None:
    """The QR code shows under the strict policy, and the key below it makes the codes."""
    sign_in(tab, "agent")
    tab.open("/accounts/second-factor/app/")
    tab.check()
    assert tab.page.locator("img.qr").evaluate("image => image.naturalWidth") > 0
    secret = re.search(r"[A-Z2-7]{32}", tab.text)
    assert secret
    if time.time() % 30 > 15:
        tab.page.wait_for_timeout(15_000)  # a code that ends on its way is no failure of the portal's
    tab.fill(code=format_hotp_value(hotp_value(secret[0], int(time.time()) // 30)))
    tab.press("Set up")
    assert "Save these codes" in tab.text
    tab.open("/accounts/second-factor/recovery/new/")
    tab.check()
    tab.open("/accounts/second-factor/app/remove/")
    tab.check()
    tab.press("Remove")
    assert "Set up an app" in tab.text
