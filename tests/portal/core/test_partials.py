"""Partials of lists and messages."""

from types import SimpleNamespace

from django.core.paginator import Paginator
from django.template.loader import render_to_string
from django.test import RequestFactory


def paged(number: int, count: int) -> str:
    page = Paginator(range(count), 10).get_page(number)
    request = RequestFactory().get("/?q=cafe")
    return " ".join(render_to_string("partials/pagination.html", {"page": page}, request=request).split())


def test_pages_link_with_the_filters_kept() -> None:
    shown = paged(5, 1000)
    assert "?q=cafe&amp;page=4" in shown
    assert "?q=cafe&amp;page=6" in shown
    assert "…" in shown
    assert "41–50 of 1000" in shown


def test_the_ends_have_no_way_further() -> None:
    assert "Previous" not in paged(1, 30)
    assert "Next" not in paged(3, 30)


def test_one_page_needs_no_links_and_none_says_so() -> None:
    assert "<nav" not in paged(1, 5)
    assert "Nothing to show" in paged(1, 0)


def test_an_empty_page_offers_the_next_step() -> None:
    context = {
        "title": "No connectors yet",
        "text": "They link.",
        "action_url": "/new/",
        "action_label": "New",
    }
    shown = render_to_string("partials/empty.html", context)
    assert 'href="/new/"' in shown
    assert "No connectors yet" in shown


def test_messages_stay_on_the_page_in_their_colour() -> None:
    messages = [SimpleNamespace(tags="success"), SimpleNamespace(tags="error"), SimpleNamespace(tags="")]
    shown = render_to_string("partials/messages.html", {"messages": messages})
    assert "notice-green" in shown
    assert "notice-red" in shown
    assert "notice-blue" in shown
