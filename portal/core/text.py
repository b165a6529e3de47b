"""Clean typed text, fold text for search, make values fit for the database: one rule for all apps."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from provisioning.gateway.secrets import MASK, Sealed

# Characters that look like nothing although their categories are otherwise visible: the combining grapheme
# joiner, Hangul fillers, Khmer inherent vowels, the blank Braille pattern, variation selectors.
_MONGOLIAN_SELECTORS = frozenset("\u180b\u180c\u180d\u180f")
_BLANK_LOOKING = (
    frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
    | _MONGOLIAN_SELECTORS
    | {chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}
)
# A filler, a null notehead, and unassigned characters for which nothing is drawn according to Unicode.
_NEVER_DRAWN = frozenset("\U00016fe4\U0001d159") | {
    chr(code) for code in (0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE0100), *range(0xE01F0, 0xE1000))
}
# Format characters (Cf) that are drawn: they stand before the digits that they belong to.
_DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_NAMES = {"\x00": "NUL", "\t": "tab", "\n": "line break", "\r": "line break", "\ufeff": "byte order mark"}

_SAME_SIGN = str.maketrans(
    dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02c8\uff07`\u00b4\u2039\u203a", "'"
    )
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
)
# Letters that no normalisation takes apart.
_SAME_LETTER = str.maketrans(
    {
        "\u0131": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ŋ": "n",
        "ĸ": "k", "ɖ": "d",
        "ƒ": "f", "ɓ": "b", "ɗ": "d", "ƙ": "k", "æ": "ae", "œ": "oe", "þ": "th", "ə": "e",
    }
)  # fmt: skip
# Accents of Latin, Greek and Cyrillic letters, Hebrew points and Arabic vowel signs can be left out.
# Vowel signs of other scripts (Indic, Thai, kana …) and the Arabic hamza belong to the spelling and stay.
_ACCENTS = dict.fromkeys(
    code
    for code in (
        *range(0x300, 0x370), *range(0x483, 0x48A), *range(0x591, 0x5C8), *range(0x610, 0x61B),
        *range(0x64B, 0x653), *range(0x656, 0x660), 0x670, *range(0x6D6, 0x6EE), *range(0x711, 0x74B),
        *range(0x1AB0, 0x1B00), *range(0x1DC0, 0x1E00), *range(0x20D0, 0x2100), *range(0xFE20, 0xFE30),
    )
    if unicodedata.category(chr(code)) in ("Mn", "Me")
)  # fmt: skip
MAX_REASON = 2000
_WRAPPING = "\"'<>()[]{},;:.!?|*"


def clean_text(text: str) -> str:
    """Return typed text without blanks and invisible characters at its ends, in NFC, with "\\n" as line end.

    Every kind of space inside becomes a plain one. Invisible characters inside stay, so that a form can
    refuse them (`hidden_character`) and a search can drop them (`search_text`).
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    start, end = 0, len(text)
    while start < end and (text[start].isspace() or _is_hidden_at(text, start)):
        start += 1
    while end > start and (text[end - 1].isspace() or _is_hidden_at(text, end - 1, end)):
        end -= 1
    return text[start:end]


def clean_reason(text: str) -> str:
    """Return a reason as it is recorded, of a form or a command.

    Raises ValueError for a character that cannot be seen, and for more text than is stored.
    """
    if found := hidden_character(text.strip(), joiners=True, lines=True):
        raise ValueError(
            f"The reason contains an invisible character: {found}. Delete it, or type the text again."
        )
    cleaned = clean_text(text)
    if len(cleaned) > MAX_REASON:
        raise ValueError(f"Use at most {MAX_REASON:,} characters for the reason.")
    return cleaned


def hidden_character(text: str, *, joiners: bool = False, lines: bool = False) -> str:
    """Return words for the first character that cannot be seen, such as "zero width space (U+200B)", or "".

    `joiners` accepts joiners and variation selectors where a script or an emoji needs them. `lines` accepts
    line breaks and tabs.
    """
    for position, char in enumerate(text):
        hidden = _is_hidden_at(text, position) if joiners else is_hidden(char)
        if hidden and not (lines and char in "\n\r\t"):
            name = _NAMES.get(char) or unicodedata.name(char, "control character").lower()
            return f"{name} (U+{ord(char):04X})"
    return ""


def is_hidden(char: str) -> bool:
    """Tell whether a character is a control or format character, or is drawn as nothing at all."""
    if char.isascii():
        return not char.isprintable()
    if char in _BLANK_LOOKING or char in _NEVER_DRAWN:
        return True
    return unicodedata.category(char) in _HIDDEN_CATEGORIES and char not in _DRAWN


def search_text(text: str, *, limit: int = 200) -> str:
    """Return what a person pasted into a search box without everything that came along by accident.

    That is invisible characters, quotes and brackets around it, punctuation at its end, typographic hyphens,
    and what no database can look for.
    """
    text = text.encode("utf-8", "ignore").decode().translate(_SAME_SIGN)
    shown = "".join(" " if char.isspace() else char for char in text if char.isspace() or not is_hidden(char))
    shown = " ".join(shown.split())
    return (shown.strip(_WRAPPING + " ") or shown)[:limit].strip()


def query_param(query: QueryDict, name: str) -> str:
    """Return one parameter of an address as search_text cleans it; "" if it is missing."""
    return search_text(query.get(name, ""))


def fold(text: str) -> str:
    """Return the form in which texts are searched and sorted: "Łódź", "LODZ" and "lodz" are the same.

    Case, accents, typographic signs, kinds of blanks and invisible characters make no difference.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.casefold().replace("`", "'").split())
    text = unicodedata.normalize("NFKC", text.translate(_SAME_SIGN)).casefold()
    text = unicodedata.normalize("NFD", text).translate(_ACCENTS).translate(_SAME_LETTER)
    text = "".join(char for char in text if char.isspace() or not is_hidden(char))
    return " ".join(unicodedata.normalize("NFC", text.translate(_SAME_SIGN)).split())


def same_reading(text: str) -> str:
    """Return the form in which two names read alike: case, blanks and invisible characters do not count."""
    shown = "".join(
        char if char.isprintable() and not is_hidden(char) else " " * char.isspace() for char in text
    )
    return " ".join(unicodedata.normalize("NFKC", shown).casefold().split())


def database_safe(value: Any) -> Any:
    """Return a copy of a text or JSON value that both databases store, with secrets masked.

    PostgreSQL refuses NUL, lone surrogates, NaN and infinities (decision 10).
    """
    if isinstance(value, Sealed):
        return MASK
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {database_safe(str(key)): database_safe(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [database_safe(child) for child in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _is_hidden_at(text: str, position: int, end: int | None = None) -> bool:
    """Like `is_hidden`, but joiners and variation selectors may stand where they change what is drawn."""
    char = text[position]
    if not is_hidden(char):
        return False
    before = text[position - 1] if position else ""
    if not before or before < "\u0600":
        # "©️" and keycaps: a sign and a selector of its drawing.
        return not (char in "\ufe0e\ufe0f" and before and not before.isalpha() and not before.isspace())
    if char in _JOINERS:
        after = text[position + 1 : min(position + 2, len(text) if end is None else end)]
        return not after or after.isspace() or after < "\u0600"
    if char in _MONGOLIAN_SELECTORS:
        return not "\u1820" <= before <= "\u18aa"
    return char not in _BLANK_LOOKING or char < "\ufe00" or is_hidden(before)
