# ruff: noqa: RUF001 - letters that look alike are the subject
"""Typed text is cleaned by one rule, and searched and sorted in one form."""

import sys
import unicodedata

import pytest

from portal.core.text import clean_text, fold, hidden_character, is_hidden, same_reading, search_text


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("cafe", "Café"),
        ("istanbul", "İstanbul"),
        ("ISTANBUL", "İstanbul"),
        ("ısparta", "ISPARTA"),
        ("carsi", "Çarşı"),
        ("lodz", "Łódź"),
        ("olmuhle", "Ölmühle"),
        ("malmo", "MALMÖ"),
        ("dang", "Đặng"),
        ("strasse", "Straße"),
        ("O'Brien", "O’Brien"),
        ("O`Brien", "Oʼbrien"),
        ("a-b", "a–b"),
        ("a-b", "a\u2011b"),
        ('"Shop"', "„Shop“"),
        ("fine shop", "ﬁne\u00a0\u2003shop"),
        ("schule", "Schu\u00adle"),
        ("cafe", "Cafe\u0301"),
        ("שלום", "שָׁלוֹם"),
        ("العربية", "العَرَبِيَّة"),
        ("ΟΔΟΣ", "Οδός"),
    ],
)
def test_spellings_that_people_mix_up_are_found(typed, stored):
    assert fold(typed) == fold(stored)


@pytest.mark.parametrize(
    ("one", "other"),
    [("कि", "की"), ("கி", "கீ"), ("ที่", "ที"), ("ガス", "カス"), ("أ", "ا"), ("ע", "א"), ("한", "하")],
)
def test_letters_and_vowel_signs_of_other_scripts_stay_apart(one, other):
    assert fold(one) != fold(other) and fold(one)


def test_folding_twice_changes_nothing_and_loses_no_letter():
    lost = []
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) == "Cn":
            continue
        folded = fold(f"a{char}b")
        assert fold(folded) == folded, hex(code)
        if unicodedata.category(char)[0] in "LN" and not is_hidden(char) and folded == "ab":
            lost.append(hex(code))
    assert not lost


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("  Shop\u00a0", "Shop"),
        ("\ufeffShop\u200b", "Shop"),
        ("\u200e \u2060Shop\u202c\t\r\n", "Shop"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\u00a0\u2003b", "a  b"),
        ("Cafe\u0301", "Café"),
        ("\u200b\u200b", ""),
        ("❤\ufe0f", "❤\ufe0f"),
        ("a\u200bb", "a\u200bb"),
    ],
)
def test_text_is_cleaned_at_its_ends(typed, clean):
    assert clean_text(typed) == clean and clean_text(clean) == clean


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\u200bb", "zero width space (U+200B)"),
        ("a\ufeffb", "byte order mark (U+FEFF)"),
        ("a\u2060b", "word joiner (U+2060)"),
        ("a\u202eb", "right-to-left override (U+202E)"),
        ("a\u2066b", "left-to-right isolate (U+2066)"),
        ("a\u00adb", "soft hyphen (U+00AD)"),
        ("a\u200db", "zero width joiner (U+200D)"),
        ("a\u3164b", "hangul filler (U+3164)"),
        ("a\nb", "line break (U+000A)"),
        ("a\x07b", "control character (U+0007)"),
        ("a\U000e0041b", "tag latin capital letter a (U+E0041)"),
        ("a\u180bb", "mongolian free variation selector one (U+180B)"),
        (
            "北\u180f京",
            "control character (U+180F)"
            if unicodedata.unidata_version < "14"
            else "mongolian free variation selector four (U+180F)",
        ),
        ("北\u2065京", "control character (U+2065)"),
        ("北\ufff0京", "control character (U+FFF0)"),
        ("北\U000e0002京", "control character (U+E0002)"),
        ("北\U000e01f0京", "control character (U+E01F0)"),
        ("北\U0001d159京", "musical symbol null notehead (U+1D159)"),
        ("Müller & Søn’s – 北京", ""),
    ],
)
def test_what_cannot_be_seen_is_named(text, words):
    assert hidden_character(text, joiners=True) == hidden_character(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "क्\u200dष",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f",
        "1\ufe0f\u20e3",
        "葛\U000e0100",
        "ᠠ\u180b",
    ],
)
def test_joiners_are_accepted_where_writing_needs_them(text):
    assert hidden_character(text, joiners=True) == "" != hidden_character(text)


def test_line_breaks_are_accepted_where_lines_are_typed():
    assert hidden_character("a\n\tb", lines=True) == "" != hidden_character("a\u2028b", lines=True)


@pytest.mark.parametrize(
    "pasted",
    [
        "{}", " {}\n", "\u00a0{}", "\u200b{}", "{}\ufeff", "\u200e{}\u200f", "\u2060{}", '"{}"', "'{}'",
        "“{}”",
        "„{}“", "«{}»", "<{}>", "({})", "[{}]", "{}.", "{},", "{};", "{}:", "`{}`", "({}).", "‘{}’,",
    ],
)  # fmt: skip
def test_an_id_is_found_however_it_was_pasted(pasted):
    for hyphen in "-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d":
        assert search_text(pasted.format("ME-a100-b".replace("-", hyphen))) == "ME-a100-b"


def test_a_search_is_bounded_and_keeps_signs_that_are_all_there_is():
    assert len(search_text("a" * 5000)) == 200
    assert (search_text("100%"), search_text("..."), search_text("\u200b")) == ("100%", "...", "")
    assert search_text("\ud800a\x00b") == "ab"


def test_names_with_invisible_characters_read_alike_and_accents_differ():
    assert same_reading("Zoe\u200b  Quark") == same_reading("ZOE Quark")
    for hidden in "\u034f\u180b\u115f\u3164\ufe0f\U000e0100\u2800":
        assert same_reading(f"Zoe{hidden} Quark") == same_reading("Zoe Quark"), hex(ord(hidden))
    assert same_reading("Müller") != same_reading("Muller")
