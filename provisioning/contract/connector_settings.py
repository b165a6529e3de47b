"""The documented settings of connectors: which there are, and which values the documentation allows."""

import difflib
import re
from collections.abc import Callable
from functools import cache

from jsonschema import FormatChecker

from provisioning.contract.reader import schema

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)


def get_setting_note(key: str) -> str:
    """Return words about a setting that is not documented, with the one that was probably meant; or ""."""
    known = _get_documented()
    if key in known:
        return ""
    alike = {name.casefold(): name for name in known}
    found = alike.get(key.strip().casefold()) or next(
        iter(difflib.get_close_matches(key, known, 1, 0.75)), ""
    )
    meant = f" Did you mean “{found}”?" if found else ""
    return f"“{key[:60]}” is not a documented setting, so it may have no effect.{meant}"


def find_setting_problem(key: str, value: object) -> str:
    """Return what is wrong with the value of a documented setting, without quoting the value; or ""."""
    allowed = _get_documented().get(key, "")
    if allowed not in _RULES:
        return ""
    fits, words = _RULES[allowed]
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "" if fits(text) else f"“{key}” must be {words}."


@cache
def _get_documented() -> dict[str, str]:
    """Return key → the documented kind of value ("" where it is not documented)."""
    return {
        key: str(each.get("x-values", "")) for key, each in schema("ConnectorSettings")["properties"].items()
    }


def _is_number(least: int) -> Callable[[str], bool]:
    return lambda text: bool(_WHOLE.fullmatch(text)) and int(text) >= least


def _is_one_of(*values: str) -> Callable[[str], bool]:
    return values.__contains__


# The documented kinds of values that can be checked; for all others the gateway decides.
_RULES: dict[str, tuple[Callable[[str], bool], str]] = {
    "1": (_is_one_of("0", "1"), "1 (on) or 0 (off)"),
    "0 or 1": (_is_one_of("0", "1"), "0 or 1"),
    "number": (_is_number(0), "a whole number, 0 or more"),
    "number >= 5": (_is_number(5), "a whole number, 5 or more"),
    "HH:MM": (lambda text: bool(_TIME.fullmatch(text)), "a time such as 23:30"),
    "e-mail address": (
        lambda text: "@" in text and FormatChecker().conforms(text, "email"),
        "an email address",
    ),
    "country code": (
        lambda text: bool(re.fullmatch("[A-Z]{2}", text)),
        "a two-letter country code such as AT",
    ),
    "iframe or fullpage": (_is_one_of("iframe", "fullpage"), "“iframe” or “fullpage”"),
    "connector GUID": (lambda text: bool(re.fullmatch(r"[!-~]+", text)), "the GUID of a connector"),
}
