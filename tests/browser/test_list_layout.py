"""Lists in a real Chromium: every column in sight, long names in their cells, many rows on a screen."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
TENANT = "TE-1234-1234-1234-1234-1234-1234"
LISTS = ("/sandbox/tenants/", "/sandbox/merchants/", "/sandbox/users/", "/sandbox/connectors/")
LONG_NAMES = ("W" * 240, "Very long merchant name " * 10)
# A narrow column or one beyond the right edge is a column that nobody sees.
MEASURE = """() => {
  const region = document.querySelector('.table-region')
  const edge = region.getBoundingClientRect().right + 1
  const rows = [...region.querySelectorAll('tbody tr')]
  const cells = rows.flatMap(row => [...row.children])
  return {
    hidden: cells.filter(cell => cell.getBoundingClientRect().right > edge).length,
    tall: rows.filter(row => row.getBoundingClientRect().height > 36).length,
    sideways: document.documentElement.scrollWidth - innerWidth,
    rows: Math.floor((900 - rows[0].getBoundingClientRect().top) / rows[0].getBoundingClientRect().height),
  }
}"""
OVERFLOW = """() => [...document.querySelectorAll('.table-region, .table-responsive')]
  .map(region => region.scrollWidth - region.clientWidth)"""


@pytest.fixture
def agent(tab_of: Callable[..., Tab]) -> Iterator[Tab]:
    """An agent at 1280 × 900, who has made merchants and connectors with very long names."""
    tab = tab_of("agent", width=1280)
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    for long_name in LONG_NAMES:
        unique = uuid.uuid4().hex[:8]
        name = f"{unique}{long_name}"
        tab.open(f"/sandbox/merchants/new/?tenant={TENANT}")
        tab.fill(name=name[:240].strip(), homepage="https://long.example")
        tab.choose("timezone", "UTC")
        tab.press("Create")
        merchant = tab.path
        assert "Created." in tab.text
        tab.open(f"{merchant}connectors/new/")
        tab.fill(name=name[:200].strip(), adapter="Simulator", method="Creditcard", apiKey=unique + "k" * 40)
        tab.press("Create")
        assert "Add another connector" in tab.text
    yield tab


def test_every_column_and_twenty_rows_are_in_sight(agent: Tab) -> None:
    """At 1280 × 900 with names of 240 characters; at 390 nothing scrolls sideways."""
    for path in LISTS:
        agent.open(path)
        seen = agent.page.evaluate(MEASURE)
        assert seen["hidden"] == 0, path
        assert seen["tall"] == 0, path
        assert seen["sideways"] <= 0, path
        assert seen["rows"] >= 20, (path, seen["rows"])
    agent.page.set_viewport_size({"width": 390, "height": 800})
    for path in (*LISTS, "/changes/", "/search/?q=very+long"):
        agent.open(path)
        assert agent.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    agent.page.set_viewport_size({"width": 1280, "height": 900})


def test_long_names_push_no_column_out_of_the_audit_trail(agent: Tab, tab_of: Callable[..., Tab]) -> None:
    """The same names in the tables of changes and of the audit trail."""
    manager = tab_of("manager", width=1280)
    for tab, path in ((agent, "/changes/"), (manager, "/audit/"), (manager, "/changes/")):
        tab.open(path)
        assert max([0, *tab.page.evaluate(OVERFLOW)]) <= 0, path
