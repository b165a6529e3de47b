"""One tab as a person has it, with the checks that hold on every page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Request


class Tab:
    """A tab of its own cookie jar; what it must never see is collected in `complaints`.

    `elsewhere` is the one other address that it may visit.
    """

    def __init__(self, context: BrowserContext, base: str, elsewhere: str = "") -> None:
        self.context, self.base, self.elsewhere = context, base, elsewhere
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(120_000)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("request", self._request)

    @property
    def path(self) -> str:
        """Where the tab is, without scheme and host."""
        return self.page.url.removeprefix(self.base)

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return self.page.inner_text("body")

    def sign_in(self, username: str, passphrase: str) -> None:
        """Fills in the sign-in form."""
        self.open("/accounts/login/")
        self.fill(login=username, password=passphrase)
        self.page.press("[name=password]", "Enter")
        self.page.wait_for_url(lambda url: "/accounts/login/" not in url)

    def open(self, path: str) -> int:
        """Goes to a page and returns its status."""
        answer = self.page.goto(self.base + path)
        return answer.status if answer else 0

    def fill(self, **fields: str) -> None:
        """Types into fields of the main form by name."""
        for name, value in fields.items():
            self.field(name).fill(value)

    def field(self, name: str) -> Locator:
        """The form field of that name."""
        return self.page.locator(f"main form[method=post] [name='{name}']").first

    def choose(self, name: str, value: str) -> None:
        """Chooses in a select, searchable or not."""
        self.field(name).select_option(value, force=True)

    def press(self, label: str) -> None:
        """Presses the button of that label and waits for the page it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=label).first.click()

    def follow(self, label: str) -> None:
        """Follows the link of that label."""
        with self.page.expect_navigation():
            self.page.locator("main").get_by_role("link", name=label, exact=True).first.click()

    def field_error(self, name: str) -> str:
        """The message that a screen reader would read with the field."""
        described = (self.field(name).get_attribute("aria-describedby") or "").split()
        texts = [self.page.inner_text(f"[id='{described_by}']") for described_by in described]
        assert self.field(name).get_attribute("aria-invalid") == "true", f"{name} is not marked invalid"
        return " ".join(texts)

    def check(self) -> None:
        """The promises of every page: accessible, nothing foreign, no errors, no sideways scrolling."""
        violations = Axe().run(self.page).response["violations"]
        found = [f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in violations]
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert not found, f"{self.path}: {found}"
        assert wide <= 0, f"{self.path} scrolls {wide} px sideways"
        assert not self.complaints, f"{self.path}: {self.complaints}"

    def close(self) -> None:
        """Ends the tab; complaints that nobody checked for still fail."""
        self.context.close()
        assert not self.complaints, self.complaints

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium reports the status of an error page itself as a console error; the page is still checked.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        expected = self.elsewhere and request.url.startswith(self.elsewhere)
        if not expected and not request.url.startswith((self.base, "data:", "blob:")):
            self.complaints.append(f"foreign request: {request.url}")
