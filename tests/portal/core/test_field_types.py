# ruff: noqa: RUF001 - letters that look alike are the subject
"""Typed text, keys, addresses and numbers: what is cleaned, and what is refused with which words."""

import pytest
from django import forms
from django.core.exceptions import ValidationError

from portal.core.field_types import (
    EmailAddressField,
    KeyField,
    SecretField,
    TextField,
    WebAddressField,
    WholeNumberField,
)

INVISIBLE = ["\u200b", "\ufeff", "\u2060", "\u202e", "\u2066", "\u00ad", "\x07", "\u3164"]


@pytest.mark.parametrize(
    "field_class", [TextField, KeyField, SecretField, EmailAddressField, WebAddressField]
)
@pytest.mark.parametrize("sign", INVISIBLE)
@pytest.mark.parametrize("place", ["{}Shop", "Sh{}op", "Shop{}"])
def test_an_invisible_character_is_refused_and_named_wherever_it_is(field_class, sign, place):
    with pytest.raises(ValidationError, match=rf"invisible character: .*U\+{ord(sign):04X}"):
        field_class().clean(place.format(sign))


def test_outer_blanks_go_and_inner_ones_are_plain_for_people_and_untouched_for_machines():
    assert TextField().clean("\u00a0 My\u00a0Shop \r\n") == "My Shop"
    assert KeyField().clean("\u00a0 my\u00a0key \t") == "my\u00a0key"
    assert SecretField().clean(" s3cret\n") == "s3cret"
    assert TextField(widget=forms.Textarea).clean("a\r\nb\tc ") == "a\nb\tc"
    assert TextField().clean("می\u200cخواهم 👨\u200d👩\u200d👧") == "می\u200cخواهم 👨\u200d👩\u200d👧"


def test_length_errors_are_in_plain_words():
    with pytest.raises(ValidationError, match=r"Use at least 3 characters\."):
        TextField(min_length=3).clean(" ab ")
    with pytest.raises(ValidationError, match=r"Use at most 3 characters\."):
        KeyField(max_length=3).clean("abcd")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("example.org", "https://example.org"),
        (" www.example.org/a?b=c#d ", "https://www.example.org/a?b=c#d"),
        ("example.org:8443/x", "https://example.org:8443/x"),
        ("HTTP://Example.org", "http://Example.org"),
        ("https://müller-pay.example", "https://xn--mller-pay-q9a.example"),
        ("müller-pay.example", "https://xn--mller-pay-q9a.example"),
        ("https://пример.рф:8443/", "https://xn--e1afmkfd.xn--p1ai:8443/"),
        ("https://example.org/straße?ü=ß", "https://example.org/stra%C3%9Fe?%C3%BC=%C3%9F"),
        ("https://example.org/a%20b", "https://example.org/a%20b"),
        ("https://a_b.example/", "https://a_b.example/"),
        ("http://localhost:3000/x", "http://localhost:3000/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://198.51.100.7/", "https://198.51.100.7/"),
        ("https://shop.internal.", "https://shop.internal."),
        ("https://xn--mller-pay-q9a.example", "https://xn--mller-pay-q9a.example"),
        ("https://example.org/" + "a" * 65500, "https://example.org/" + "a" * 65500),
    ],
)
def test_a_web_address_is_complete_and_in_ascii(typed, sent):
    assert WebAddressField().clean(typed) == sent


@pytest.mark.parametrize(
    "typed",
    [
        "http:/example.org", "http:example.org", "https:/example.org", "http//x", "https//example.org",
        "office@x",
        "office@example.org", "mailto:office@example.org", "n/a", "none", "-", "http", "https://",
        "http://http/x",
        "https://https://example.org", "https://x:99999", "https://x:0", "https://x:", "https://x:abc",
        "https://example..org", "https://.example.org", "https://user:pw@example.org",
        "https://user@example.org",
        "https://@example.org", "ftp://example.org", "javascript:alert(1)", "//example.org",
        "https:///example.org",
        "https://exam ple.org", "https://example.org/a b", "https://-a.example", "https://1.2.3",
        "https://256.1.1.1",
        "https://0x7f.1", "https://[::1", "https://[xyz]", "https://exa\\mple.org", "https://exam%70le.org",
        "https://☃.net", "https://?x", "https://#x", "https://" + "a" * 64 + ".org", "example", "tel:+43123",
        "https://" + "a." * 130 + "org", "http;//example.org", "htps://example.org", "https://example,org",
    ],
)  # fmt: skip
def test_invalid_web_addresses_are_refused_with_the_reason(typed):
    with pytest.raises(ValidationError) as refused:
        WebAddressField().clean(typed)
    assert len(refused.value.messages[0]) > 20


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("info@münchen.example", "info@xn--mnchen-3ya.example"),
        (" o'neil+x@example.org\u00a0", "o'neil+x@example.org"),
        ("info@xn--mnchen-3ya.example", "info@xn--mnchen-3ya.example"),
        ("x@sub.пример.рф", "x@sub.xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_the_domain_of_an_email_address_is_sent_in_ascii(typed, sent):
    assert EmailAddressField().clean(typed) == sent


@pytest.mark.parametrize(
    "typed",
    [
        "office(at)cafe.at",
        "office@",
        "@x.org",
        "a b@x.org",
        "a@b@x.org",
        "a@x..org",
        "a@x",
        "a@x.org.,",
        "<a@x.org>",
    ],
)
def test_invalid_email_addresses_are_refused(typed):
    with pytest.raises(ValidationError):
        EmailAddressField().clean(typed)


@pytest.mark.parametrize(
    "typed", ["1.000", "12.", "20.00", "1e3", "1,000", "+-5", "1 000", "0x1f", "１２", "--5", "5-"]
)
def test_a_number_is_written_in_plain_digits(typed):
    with pytest.raises(ValidationError, match="plain digits"):
        WholeNumberField().clean(typed)


def test_plain_digits_are_taken():
    assert [WholeNumberField(required=False).clean(typed) for typed in ("12", "-5", " 7\n", "", 3)] == [
        12, -5, 7, None, 3,
    ]  # fmt: skip
