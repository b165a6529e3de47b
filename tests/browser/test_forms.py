"""Lists that are searched by typing, and forms that Enter does not send, in a real browser."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
TENANT = "TE-a100-0000-0000-0000-0000-0001"
NEW_MERCHANT = f"/sandbox/merchants/new/?tenant={TENANT}"

# Types each text into the combo box of a list, presses Enter, and tells what was chosen.
_TYPED = """async ({id, texts, key}) => {
  const input = document.getElementById(id), select = document.getElementById(id + "-select");
  const chosen = [];
  for (const text of texts) {
    select.value = ""; select.dispatchEvent(new Event("change"));
    input.focus(); input.value = text; input.dispatchEvent(new Event("input", {bubbles: true}));
    if (key) input.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
    input.blur();
    chosen.push(select.value);
  }
  return chosen;
}"""


def chosen(page: Page, name: str, texts: list[str], key: str) -> list[str]:
    """What typing each text and pressing the key ("" for none: Tab) chooses in the list."""
    return page.evaluate(_TYPED, {"id": f"id_{name}", "texts": texts, "key": key})


def entries(page: Page, name: str) -> list[list[str]]:
    """(code, text) of every entry."""
    script = (
        "s => Array.from(document.getElementById(s).options).filter(o => o.value).map(o => [o.value, o.text])"
    )
    return page.evaluate(script, f"id_{name}-select")


def wrong(codes: list[str], found: list[str]) -> list[tuple[str, str]]:
    return [(code, got) for code, got in zip(codes, found, strict=True) if code != got]


@pytest.fixture
def merchant_form(tab_of: Callable[..., Tab]) -> Tab:
    """An agent's tab on the form of a new merchant."""
    tab = tab_of("agent")
    tab.open(NEW_MERCHANT)
    tab.page.wait_for_selector("#id_country[role=combobox]")
    return tab


@pytest.mark.parametrize("name", ["country", "defaultCurrency", "timezone"])
def test_every_entry_is_found_by_its_code_and_by_its_name(merchant_form: Tab, name: str) -> None:
    page = merchant_form.page
    found = entries(page, name)
    codes = [code for code, _ in found]
    names = [re.sub(r" \([^()]*\)$", "", text) for _, text in found]
    assert len(codes) > 150
    assert wrong(codes, chosen(page, name, codes, "Enter")) == []
    assert wrong(codes, chosen(page, name, names, "")) == []
    if name != "timezone":  # four hundred entries: twice is enough
        assert wrong(codes, chosen(page, name, [code.lower() for code in codes], "Enter")) == []
        assert wrong(codes, chosen(page, name, [text for _, text in found], "Enter")) == []


def test_people_find_countries_and_currencies_by_what_they_call_them(merchant_form: Tab) -> None:
    page = merchant_form.page
    countries = {
        "UK": "GB", "USA": "US", "Great Britain": "GB", "Ivory Coast": "CI", "Holland": "NL", "Turkey": "TR",
        "Czech Republic": "CZ", "Burma": "MM", "Swaziland": "SZ", "turkiye": "TR", "cote d'ivoire": "CI",
        "India": "IN", "Sudan": "SD", "Netherlands": "NL", "South Sud": "SS", "Korea": "KR", "aland": "AX",
    }  # fmt: skip
    assert wrong(list(countries.values()), chosen(page, "country", list(countries), "Enter")) == []
    currencies = {
        "Swiss": "CHF",
        "Switzerland": "CHF",
        "£": "GBP",
        "sterling": "GBP",
        "UK": "GBP",
        "Yen": "JPY",
    }
    assert wrong(list(currencies.values()), chosen(page, "defaultCurrency", list(currencies), "Enter")) == []
    zones = {
        "Vienna": "Europe/Vienna",
        "austria": "Europe/Vienna",
        "new york": "America/New_York",
        "GMT": "UTC",
    }
    assert wrong(list(zones.values()), chosen(page, "timezone", list(zones), "Enter")) == []


def test_half_a_name_does_not_choose_an_entry(merchant_form: Tab) -> None:
    page = merchant_form.page
    assert chosen(page, "country", ["Austr", "xyz", ""], "") == ["", "", ""]
    page.fill("#id_country", "Austria")
    page.keyboard.press("Tab")
    assert (
        page.input_value("#id_country-select") == "AT" and page.input_value("#id_country") == "Austria (AT)"
    )
    page.fill("#id_country", "")
    page.keyboard.press("Tab")
    assert page.input_value("#id_country-select") == ""


def test_every_language_of_a_connector_is_found(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("agent")
    tab.open(NEW_MERCHANT)
    tab.fill(name=f"Shop {uuid.uuid4().hex[:8]}", homepage="https://example.org")
    tab.press("Create")
    tab.open(f"{tab.path}connectors/new/")
    tab.page.wait_for_selector("[id='id_config.language'][role=combobox]")
    found = entries(tab.page, "config.language")
    codes = [code for code, _ in found]
    names = [re.sub(r" \([^()]*\)$", "", text) for _, text in found]
    assert wrong(codes, chosen(tab.page, "config.language", codes, "Enter")) == []
    assert wrong(codes, chosen(tab.page, "config.language", names, "Enter")) == []
    assert chosen(tab.page, "config.language", ["Deutsch", "Farsi"], "Enter") == ["de", "fa"]


@pytest.mark.parametrize("scripts", [True, False])
def test_enter_sends_no_form_and_the_button_does(tab_of: Callable[..., Tab], scripts: bool) -> None:
    tab = tab_of("agent", java_script_enabled=scripts)
    tab.open(NEW_MERCHANT)
    tab.fill(name=f"Shop {uuid.uuid4().hex[:8]}", homepage="https://example.org")
    for name in ("name", "homepage", "city", "administrativeEmail"):
        tab.field(name).press("Enter")
    if scripts:
        tab.page.fill("#id_country", "Vienna")
        for _ in range(3):
            tab.page.press("#id_country", "Enter")
    tab.page.wait_for_timeout(300)
    assert tab.path == NEW_MERCHANT
    button = tab.page.get_by_role("button", name="Create")
    button.focus()
    with tab.page.expect_navigation():
        button.press("Enter")
    assert re.fullmatch(r"/sandbox/merchants/ME-[\w-]+/", tab.path), tab.text

    merchant = tab.path
    tab.open(f"{merchant}edit/")
    tab.fill(city="Graz")
    tab.field("city").press("Enter")
    tab.page.wait_for_timeout(300)
    assert tab.path == f"{merchant}edit/"
    tab.press("Review")
    assert "/changes/" in tab.path


@pytest.mark.parametrize("scripts", [True, False])
def test_enter_revokes_no_connection(tab_of: Callable[..., Tab], scripts: bool) -> None:
    """With another name than the connection's, so that sending the form would only show an error."""
    tab = tab_of("admin", java_script_enabled=scripts)
    tab.open("/connections/sandbox/revoke-now/")
    tab.fill(confirmation="Another connection", reason="The key leaked")
    for name in ("confirmation", "reason"):
        tab.field(name).press("Enter")
    tab.page.wait_for_timeout(300)
    assert "Nothing was revoked" not in tab.text
    tab.press("Revoke everything now")
    assert "Nothing was revoked" in tab.text


def test_changing_the_type_of_a_new_user_keeps_what_was_typed(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("agent")
    tab.open(NEW_MERCHANT)
    tab.fill(name=f"Shop {uuid.uuid4().hex[:8]}", homepage="https://example.org")
    tab.press("Create")
    tab.open(f"{tab.path}users/new/")
    name = f"user-{uuid.uuid4().hex[:8]}"
    tab.fill(username=name, firstName="Zoe", validUntil="2030-12-31T23:59:00")
    tab.field("username").press("Enter")
    tab.press("API")
    assert "New API user" in tab.text
    assert tab.field("username").input_value() == name and tab.field("firstName").input_value() == "Zoe"
    assert tab.field("validUntil").input_value().startswith("2030-12-31T23:59")
    tab.check()
    tab.page.get_by_role("button", name="Generate password").click()
    assert "It is not shown again" in tab.text
    tab.page.get_by_role("button", name="Copy password").click()
    tab.check()
    tab.press("Create")
    assert re.search(r"/users/US-", tab.path), tab.text
