"""Tables and filter bars of list pages."""

import re
from types import SimpleNamespace
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils.safestring import mark_safe

from portal.core.tables import Column, Filter, FilterBar, KeyColumn, NameColumn, Table, TextColumn, TimeColumn

COLUMNS = (
    NameColumn(
        label="Name", value=lambda row: row["name"], link=lambda row: "/x/", sort="name", is_default=True
    ),
    TextColumn(label="City", value=lambda row: row["city"], sort="city"),
    KeyColumn(label="API key", value=lambda row: row["key"]),
    TimeColumn(
        label="Created",
        value=lambda row: row["created"],
        sort="created",
        descending_first=True,
        empty="never",
    ),
    Column(label="Actions", value=lambda row: mark_safe("<button>Stop</button>"), is_label_hidden=True),
)
ROW = {"name": '<b>"Ada"</b>', "city": "Graz", "key": "k-1", "created": None}


def make_request(address: str = "/list/") -> HttpRequest:
    request = RequestFactory().get(address)
    request.user = SimpleNamespace(timezone="Europe/Vienna")  # type: ignore[assignment]
    return request


def shown(rows: list[dict[str, Any]], address: str = "/list/", sort: str = "") -> str:
    table = Table(make_request(address), COLUMNS, rows, label="People", sort=sort)
    return " ".join(render_to_string("core/table.html", {"table": table}).split())


def links(page: str) -> dict[str, str]:
    return {label: url for url, label in re.findall(r'<a href="(\?[^"]*)">(\w+)', page)}


def test_values_are_escaped_in_the_cell_and_in_its_title() -> None:
    page = shown([ROW])
    assert "<b>" not in page
    assert (
        '<td class="cell-name" title="&lt;b&gt;&quot;Ada&quot;&lt;/b&gt;">'
        '<a href="/x/"><bdi>&lt;b&gt;&quot;Ada&quot;&lt;/b&gt;</bdi></a></td>' in page
    )


def test_text_that_turns_the_direction_is_isolated_in_every_column() -> None:
    turned = "A\u202edelbasid"
    table = Table(
        make_request(), (Column(label="By", value=lambda row: row),), [turned, "Ada"], label="People"
    )
    assert table.body() == f"<tr><td><bdi>{turned}</bdi></td></tr>\n<tr><td>Ada</td></tr>\n"


def test_markup_that_a_column_marks_as_safe_stays() -> None:
    assert "<td><button>Stop</button></td>" in shown([ROW])


def test_a_phone_repeats_the_labels_except_that_of_the_first_and_of_hidden_ones() -> None:
    assert re.findall('data-label="([^"]+)"', shown([ROW])) == ["City", "API key", "Created"]
    assert '<span class="visually-hidden">Actions</span>' in shown([ROW])


def test_values_that_are_missing_are_named() -> None:
    page = shown([{**ROW, "key": ""}])
    assert '<td class="cell-key" data-label="API key">–</td>' in page
    assert '<span class="text-secondary">never</span>' in page


def test_times_are_in_the_users_zone() -> None:
    assert ">1 Jun 2026, 12:00</time>" in shown([{**ROW, "created": "2026-06-01T10:00:00+00:00"}])


def test_a_head_sorts_keeps_the_filters_and_leaves_the_page() -> None:
    found = links(shown([ROW], "/list/?q=a&page=3&after=x", sort=""))
    assert found == {
        "Name": "?q=a&amp;sort=-name",
        "City": "?q=a&amp;sort=city",
        "Created": "?q=a&amp;sort=-created",
    }


def test_a_second_click_reverses_the_order() -> None:
    assert links(shown([ROW], "/list/?sort=-name", sort="-name"))["Name"] == "?"
    assert links(shown([ROW], "/list/?sort=city", sort="city"))["City"] == "?sort=-city"
    assert links(shown([ROW], "/list/?sort=-created", sort="-created"))["Created"] == "?sort=created"


def test_the_present_order_is_said_to_screen_readers() -> None:
    heads = re.findall(r'<th scope="col"(?: aria-sort="(\w+)")?>', shown([ROW], sort="-created"))
    assert heads == ["none", "none", "", "descending", ""]


def test_rows_can_have_a_class() -> None:
    table = Table(make_request(), COLUMNS, [ROW, ROW], label="People", row_css=lambda row: "row-due")
    assert table.body().count('<tr class="row-due">') == 2


def bar(**values: Any) -> str:
    filter_bar = FilterBar(**values)
    return " ".join(
        render_to_string(
            "core/filter_bar.html", {"filter_bar": filter_bar}, request=make_request("/list/?q=a")
        ).split()
    )


def test_a_filter_bar_shows_values_and_what_is_wrong_with_them() -> None:
    page = bar(
        filters=[
            Filter(name="q", label="Words", type="search", value='"x'),
            Filter(name="state", label="State", options=[("on", "On"), ("off", "Off")], value="off"),
            Filter(name="mine", label="Only mine", type="checkbox", value="1"),
            Filter(name="from", label="From", type="date", value="xx", problem="That is not a date."),
            Filter(name="to", label="To", type="date", value="2026-11-24"),
        ],
        hidden=[("sort", "-name")],
    )
    assert 'name="q" value="&quot;x"' in page
    assert '<option value="off" selected>Off</option>' in page
    assert 'name="mine" value="1" checked' in page
    assert 'type="text" id="filter-from" name="from" value="xx"' in page, "a date picker would drop it"
    assert 'aria-describedby="problem-from"' in page
    assert '<div class="field-error" id="problem-from">That is not a date.</div>' in page
    assert 'type="date" id="filter-to"' in page
    assert '<input type="hidden" name="sort" value="-name">' in page


def test_a_filter_bar_offers_to_clear_only_what_is_set() -> None:
    assert "Clear" not in bar(filters=[])
    assert '<a class="btn" href="/list/">Clear</a>' in bar(filters=[], is_narrowed=True)
