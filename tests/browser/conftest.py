"""A running demo and tabs in a real Chromium; a console error or a foreign request fails the test."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.tab import Tab
from tests.chromium import INSTRUCTION, chromium_path
from tests.openid.provider import Provider
from tests.running.demo import Demo, demo_started, free_port

PASSPHRASE = "demo-passphrase-of-the-tests"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The provider through which people may sign in to the demo."""
    started = Provider(tmp_path_factory.mktemp("openid"), portal_port=free_port())
    yield started
    started.stop()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, openid: Provider) -> Iterator[Demo]:
    """What `make run` starts, on ports and in a folder of its own."""
    if not chromium_path():
        pytest.skip(INSTRUCTION)
    # A provider is configured, so the demo starts only if it is called one.
    own = {"PORTAL_ENV": "demo", "PORTAL_DEMO_PASSPHRASE": PASSPHRASE, "PORT": str(openid.portal_port)}
    settings = own | openid.settings
    started = demo_started(tmp_path_factory.mktemp("demo") / "var", **settings)
    yield started
    started.end()


@pytest.fixture(scope="module")
def playwright_started() -> Iterator[Playwright]:
    """The driver, for one module: while its event loop runs, Django refuses the database."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright_started: Playwright, demo: Demo) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    browser = playwright_started.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def tab_of(chromium: Browser, demo: Demo) -> Iterator[Callable[..., Tab]]:
    """Opens a signed-in tab: tab_of("agent"), with Playwright's context options, for example width=390."""
    tabs: list[Tab] = []

    def opened(username: str = "", *, width: int = 1280, **options: object) -> Tab:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)  # type: ignore[arg-type]
        tabs.append(Tab(context, demo.url))
        if username:
            tabs[-1].sign_in(username, PASSPHRASE)
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.close()
