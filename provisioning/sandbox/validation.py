"""Check a body against the contract and map every violation to a documented code, field first.

Then check value rules that the schemas leave open: real dates, codes, addresses and URLs that can be used.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from provisioning.contract import validator
from provisioning.sandbox.character_rules import check_characters
from provisioning.sandbox.codes import COUNTRIES, CURRENCIES
from provisioning.sandbox.error_responses import Code, Refusal, field_refusal
from provisioning.sandbox.records import JsonObject

# A jsonschema ValidationError. Its attributes are typed as "perhaps unset", which they never are here.
_Violation = Any

# An answer names one violation only: the more basic one first, then in the order of the body.
_ORDER = (
    Code.REQUEST_INVALID,
    Code.MANDATORY_MISSING,
    Code.NOT_APPLICABLE,
    Code.INVALID_CHARACTERS,
    Code.WRONG_FORMAT,
    Code.RULE_BROKEN,
)
_KEYWORDS = {
    "required": Code.MANDATORY_MISSING,
    "not": Code.NOT_APPLICABLE,
    "format": Code.WRONG_FORMAT,
    "pattern": Code.WRONG_FORMAT,
    "type": Code.REQUEST_INVALID,
    "additionalProperties": Code.REQUEST_INVALID,
    "minProperties": Code.REQUEST_INVALID,
    "anyOf": Code.REQUEST_INVALID,
    "oneOf": Code.REQUEST_INVALID,
}
# Patterns that only name permitted (or forbidden) characters: breaking them is "invalid characters".
_CHARACTER_CLASS = re.compile(r"^\^\[.*\]\*\$$")

_EMAIL = re.compile(
    r"^(?=.{3,254}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$"
)
_LARGEST_INTEGER = 2**63 - 1
_MAILS = (
    "email",
    "riskAlertEmail",
    "schedulerAlertEmail",
    "technicalEmail",
    "mailSenderAddress",
    "contactEmail",
)
_URLS = ("homepage", "eventNotificationUrl", "websiteUrl")
_COUNTRIES = ("country", "businessCountry", "companyCountryCode")
# The transaction API limits a connector's API key; names get a limit that is not reached by accident.
_LONGEST = {
    "apiKey": 50,
    "publicIntegrationKey": 50,
    "name": 255,
    "username": 255,
    "administrativeEmail": 254,
}


def validate_body(schema_name: str, body: JsonObject) -> None:
    """Raise the Refusal of the most basic violation: contract, characters, then value rules."""
    found = [
        refusal for error in validator(schema_name).iter_errors(body) for refusal in _find_refusals(error)
    ]
    found += check_characters(body)
    if not found:
        found = check_values(body)
    if found:
        raise min(found, key=lambda each: _ORDER.index(each.code) if each.code in _ORDER else len(_ORDER))


def _find_refusals(error: _Violation) -> Iterator[Refusal]:
    """Yield the refusals of one violation; choices (oneOf, anyOf) report the branch that was meant."""
    keyword = str(error.validator)
    if keyword in ("anyOf", "oneOf"):
        branches: dict[Any, list[_Violation]] = {}
        for cause in error.context or []:
            branches.setdefault(cause.relative_schema_path[0], []).append(cause)
        # The branch that was meant is the first one that has the type of the value.
        fitting = [
            causes
            for causes in branches.values()
            if not any(
                cause.validator == "type" and cause.absolute_path == error.absolute_path for cause in causes
            )
        ]
        if not fitting:
            yield field_refusal(Code.REQUEST_INVALID, error.absolute_path, "wrong type")
        for cause in fitting[0] if fitting else []:
            yield from _find_refusals(cause)
    elif keyword == "additionalProperties" and error.validator_value is False:
        for name in sorted(set(error.instance) - set(error.schema.get("properties", {}))):
            yield field_refusal(Code.REQUEST_INVALID, [*error.absolute_path, name], "unknown field")
    elif keyword == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        for name in missing:
            yield field_refusal(
                Code.MANDATORY_MISSING, [*error.absolute_path, name], "mandatory, but missing"
            )
    elif keyword == "not":
        field = error.validator_value["required"][-1]
        yield field_refusal(Code.NOT_APPLICABLE, [field], "one kind of meta-connector, not both")
    else:
        code = _KEYWORDS.get(keyword, Code.RULE_BROKEN)
        if keyword == "pattern" and _CHARACTER_CLASS.match(str(error.validator_value)):
            code = Code.INVALID_CHARACTERS
        yield field_refusal(code, error.absolute_path, _describe_violation(error, code))


def _describe_violation(error: _Violation, code: Code) -> str:
    """Return our own words: jsonschema's message would repeat the value, which may be a secret."""
    keyword = str(error.validator)
    if keyword == "type":
        kinds = error.validator_value
        return f"must be {kinds if isinstance(kinds, str) else ' or '.join(kinds)}"
    texts = {
        "enum": "not one of the predefined values",
        "const": f"must be {error.validator_value}",
        "minLength": f"at least {error.validator_value} characters",
        "maxLength": f"at most {error.validator_value} characters",
        "minimum": f"at least {error.validator_value}",
        "maximum": f"at most {error.validator_value}",
        "maxItems": f"at most {error.validator_value} entries",
        "uniqueItems": "the same value twice",
        "minProperties": "nothing to change",
    }
    fallback = {Code.WRONG_FORMAT: "wrong format", Code.INVALID_CHARACTERS: "Invalid characters"}
    return texts.get(keyword) or fallback.get(code, "breaks a rule")


def check_values(body: JsonObject) -> list[Refusal]:
    """Return 1002 and 1003 refusals for values that satisfy the schema but cannot be meant."""
    found = []
    for field, value in body.items():
        if isinstance(value, str) and len(value) > _LONGEST.get(field, _LARGEST_INTEGER):
            found.append(field_refusal(Code.RULE_BROKEN, [field], f"at most {_LONGEST[field]} characters"))
        elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            found.append(field_refusal(Code.RULE_BROKEN, [field], "does not fit into 64 bits"))
        elif isinstance(value, str):
            broken = (rule for rule in _VALUE_RULES if field in rule[0] and not rule[1](value))
            found += [field_refusal(code, [field], text) for _, _, code, text in broken]
    return found


def parse_datetime(text: str) -> datetime:
    """Return a date in either published format; without offset it is UTC. Raises ValueError."""
    return datetime.fromisoformat(text)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_datetime(value: str) -> bool:
    try:
        parse_datetime(value)
    except ValueError:
        return False
    return True


_time_zones = cache(available_timezones)
_PREDEFINED = "not one of the predefined values"
_VALUE_RULES: tuple[tuple[tuple[str, ...], Callable[[str], bool], Code, str], ...] = (
    (
        _MAILS,
        lambda value: bool(_EMAIL.match(value)),
        Code.WRONG_FORMAT,
        "wrong format, not an e-mail address",
    ),
    (_URLS, _is_url, Code.WRONG_FORMAT, "wrong format, not a web address (https://…)"),
    (("validUntil",), _is_datetime, Code.WRONG_FORMAT, "wrong format, not a date"),
    (("defaultCurrency",), lambda value: value in CURRENCIES, Code.RULE_BROKEN, _PREDEFINED),
    (_COUNTRIES, lambda value: value in COUNTRIES, Code.RULE_BROKEN, _PREDEFINED),
    (("timezone",), lambda value: value in _time_zones(), Code.RULE_BROKEN, _PREDEFINED),
)
