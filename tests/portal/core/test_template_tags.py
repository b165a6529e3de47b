"""The template tags: what they draw, and that they escape."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from provisioning.gateway.secrets import MASK, Sealed

NOON = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)


def drawn(source: str, **context: object) -> str:
    return Template("{% load portal %}" + source).render(Context(context))


def test_an_icon_is_hidden_from_screen_readers() -> None:
    shown = drawn('{% icon "home" %}')
    assert 'aria-hidden="true"' in shown
    assert "icons.svg#home" in shown


def test_a_known_state_has_its_word_and_colour() -> None:
    shown = drawn('{% badge "not_sent" %}')
    assert "Not sent" in shown
    assert "state-amber" in shown


@pytest.mark.parametrize(("colour", "expected"), [("orange", "amber"), ("green", "green"), ("mauve", "grey")])
def test_an_unlisted_state_is_shown_as_written_in_a_colour_that_exists(colour: str, expected: str) -> None:
    shown = drawn("{% badge word colour %}", word="<b>Odd</b>", colour=colour)
    assert "&lt;b&gt;Odd" in shown
    assert f"state-{expected}" in shown


def test_a_colour_can_be_used_in_a_class_name() -> None:
    assert drawn("{{ name|colour }}", name="azure") == "blue"


def test_a_moment_is_in_the_persons_zone_with_utc_beside_it() -> None:
    shown = drawn("{% moment when %}", when=NOON, user=SimpleNamespace(timezone="Europe/Vienna"))
    assert "23 Nov 2026, 13:00" in shown
    assert 'title="2026-11-23 12:00:05 UTC"' in shown
    assert 'datetime="2026-11-23T12:00:05Z"' in shown


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../etc/passwd"])
def test_a_moment_without_a_usable_zone_is_in_utc(zone: str) -> None:
    assert "12:00" in drawn("{% moment when %}", when=NOON, user=SimpleNamespace(timezone=zone))


def test_a_moment_reads_iso_text_and_takes_naive_times_as_utc() -> None:
    assert "12:00:05 UTC" in drawn("{% moment when %}", when="2026-11-23T12:00:05")
    assert drawn("{% moment when %}", when=None) == "—"
    assert drawn("{% moment when %}", when="<soon>") == "&lt;soon&gt;"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "just now"),
        (30, "30 seconds ago"),
        (61, "1 minute ago"),
        (7300, "2 hours ago"),
        (-7300, "in 2 hours"),
    ],
)
def test_an_age_is_in_words(seconds: int, words: str) -> None:
    assert words in drawn("{% age when %}", when=timezone.now() - timedelta(seconds=seconds))


def test_an_age_of_nothing_is_never() -> None:
    assert drawn("{% age when %}", when=None) == "never"


def test_a_copyable_value_is_selectable_and_escaped_and_its_button_waits_for_javascript() -> None:
    shown = drawn('{% copyable value "GUID" %}', value="<MT-1>")
    assert "<code>&lt;MT-1&gt;</code>" in shown
    assert 'aria-label="Copy GUID"' in shown
    assert "data-copy hidden" in shown
    assert drawn("{% copyable value %}", value="") == "—"


def test_a_query_string_replaces_and_removes() -> None:
    request = RequestFactory().get("/?q=a+b&page=3&state=live")
    shown = drawn("{% query_string page=2 state=None %}", request=request)
    assert shown == "?q=a+b&amp;page=2"


def test_a_crumb_without_an_address_is_the_page() -> None:
    assert '<a href="/x/">Up</a>' in drawn('{% crumb "Up" "/x/" %}')
    assert 'aria-current="page">Here' in drawn('{% crumb "Here" %}')


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "Yes"),
        (False, "No"),
        (0, "0"),
        (["a", "<b>"], "a, &lt;b&gt;"),
        (Sealed("x"), MASK),
        ({"a": 1}, "a"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: object, words: str) -> None:
    assert words in drawn("{{ value|shown }}", value=value)


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_nothing_is_called_empty(value: object) -> None:
    assert "empty" in drawn("{{ value|shown }}", value=value)


def test_a_difference_says_from_and_to_and_escapes_both() -> None:
    shown = drawn("{% diff old new %}", old="<old>", new=True)
    assert "<del>&lt;old&gt;</del>" in shown
    assert "<ins>Yes</ins>" in shown
    assert "from " in shown


def test_pretty_json_masks_secrets() -> None:
    shown = drawn("{{ value|jsonpretty }}", value={"name": "ü", "apiKey": Sealed("CANARY")})
    assert "CANARY" not in shown
    assert MASK in shown
    assert "ü" in shown
