"""The life of a credential in a real Chromium: reset at the gateway's own page, suspect, renewed, revoked.

It leaves the demo's connection working, as the other tests want it.
"""

import os
import signal
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import Browser

from tests.browser.conftest import PASSPHRASE
from tests.browser.tab import Tab
from tests.running.demo import Demo

pytestmark = pytest.mark.browser
PAGE, RESET = "/connections/sandbox/", "/connections/sandbox/reset/"
EDIT = "/sandbox/merchants/ME-1234-1234-1234-1234-1234-1234/edit/"


@pytest.fixture
def gateway(chromium: Browser, demo: Demo) -> Iterator[Tab]:
    """The embedded gateway's own pages, where a person manages API keys."""
    tab = Tab(chromium.new_context(), f"http://127.0.0.1:{demo.sandbox_port}")
    yield tab
    tab.close()


def password_reset(gateway: Tab) -> tuple[str, str]:
    """Resets the password of the portal's key at the gateway; what the page shows this once."""
    gateway.open("/system-setup/api-keys/")
    row = gateway.page.get_by_role("row").filter(has_text="Portal").first
    with gateway.page.expect_navigation():
        row.get_by_role("button").click()
    return shown(gateway)


def key_created(gateway: Tab) -> tuple[str, str]:
    """A second key, while the first goes on working."""
    gateway.open("/system-setup/api-keys/new/")
    gateway.fill(name="Portal, second")
    gateway.press("Create")
    return shown(gateway)


def shown(gateway: Tab) -> tuple[str, str]:
    return gateway.page.inner_text("#api-key"), gateway.page.inner_text("#password")


def enter(tab: Tab, pair: tuple[str, str]) -> None:
    """Pastes a pair on the reset's page and has it tested."""
    tab.open(RESET)
    again = tab.page.get_by_text("Enter a different one instead")
    if again.count() and not tab.field("api_key").is_visible():
        again.click()
    tab.fill(api_key=pair[0], password=pair[1])
    tab.press("Store and test")
    tab.check()
    assert pair[1] not in tab.page.content()


def test_an_admin_resets_the_key_while_an_agent_works(
    tab_of: Callable[..., Tab], gateway: Tab, demo: Demo
) -> None:
    """Reset at the gateway → suspect → wrong password → right one → in use everywhere → back → revoked."""
    admin, agent = tab_of("admin"), tab_of("agent", width=390)
    assert agent.open(EDIT) == 200
    pair = password_reset(gateway)
    everybody_is_told(admin, agent)
    the_right_one_is_found(admin, agent, pair)
    each_worker_reads(demo)
    assert agent.open(EDIT) == 200
    assert "has rejected" not in agent.text
    going_back_is_tried(admin, gateway)
    assert agent.open(EDIT) == 200


def everybody_is_told(admin: Tab, agent: Tab) -> None:
    """The agent by a page that explains, the admin at home and on the connection."""
    assert agent.open(EDIT) == 503
    assert "has rejected the portal’s API key" in agent.text and "You stay signed in" in agent.text
    agent.check()
    assert agent.open("/sandbox/merchants/") == 200
    agent.check()
    admin.open("/")
    assert "Sandbox has rejected the stored API key" in admin.text
    admin.check()
    admin.open(PAGE)
    assert "The gateway has rejected version" in admin.text
    admin.check()


def the_right_one_is_found(admin: Tab, agent: Tab, pair: tuple[str, str]) -> None:
    """After a wrong password; tested is not yet in use, and the reset can be left and come back to."""
    enter(admin, (pair[0], "not-the-password"))
    assert "The gateway does not accept this API key and password." in admin.text
    enter(admin, pair)
    assert agent.open(EDIT) == 503
    admin.open("/")
    admin.follow("continue the reset of Sandbox")
    admin.page.get_by_role("button", name="Activate version").click()
    admin.page.get_by_text("is now active").wait_for()
    admin.check()


def going_back_is_tried(admin: Tab, gateway: Tab) -> None:
    """Impossible to a password that was reset, possible to a key that works; then the other is revoked."""
    back = admin.page.get_by_role("button", name="Roll back to version")
    back.click()
    admin.page.get_by_text("was not activated").wait_for()
    enter(admin, key_created(gateway))
    admin.page.get_by_role("button", name="Activate version").click()
    admin.page.get_by_text("is now active").wait_for()
    back.click()
    admin.page.get_by_text("is active again").wait_for()
    admin.page.get_by_role("link", name="Revoke version").click()
    admin.check()
    admin.page.get_by_role("button", name="Revoke version").click()
    admin.page.get_by_text("Its value was deleted").wait_for()
    assert back.count() == 0
    admin.check()


def each_worker_reads(demo: Demo) -> None:
    """Every worker by itself, the others held, reads from the gateway with the credential now in use."""
    processes = demo.workers()
    assert len(processes) == 2
    session = demo.signed_in("manager", PASSPHRASE)
    for alone in processes:
        others = [pid for pid in processes if pid != alone]
        try:
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            page = read_alone(session, f"{demo.url}/sandbox/tenants/")
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
        assert "has rejected" not in page and "could not be read" not in page


def read_alone(session: requests.Session, address: str) -> str:
    """A list read from the gateway now, over a connection of its own."""
    session.close()  # what was kept open may lead to a worker that is held
    session.headers["Connection"] = "close"
    form = session.get(address, timeout=60)
    token = form.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    fields = {"csrfmiddlewaretoken": token, "refresh": "1"}
    answer = session.post(address, data=fields, headers={"Referer": address}, timeout=60)
    assert answer.status_code == 200, answer.status_code
    return answer.text
