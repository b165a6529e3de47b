"""Value rules the contract's schemas leave open: real dates, codes, addresses and URLs that can be used."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from provisioning.sandbox.codes import COUNTRIES, CURRENCIES
from provisioning.sandbox.error_responses import Code, Refusal, field_refusal

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


def check_values(body: dict[str, Any]) -> list[Refusal]:
    """1002 and 1003 refusals for values that satisfy the schema but cannot be meant."""
    refusals = [_checked(field, value) for field, value in body.items()]
    return [refusal for refusal in refusals if refusal is not None]


def parse_datetime(text: str) -> datetime:
    """A date of either published spelling; without offset it is UTC. Raises ValueError."""
    return datetime.fromisoformat(text)


def _checked(field: str, value: object) -> Refusal | None:
    if isinstance(value, str) and len(value) > _LONGEST.get(field, _LARGEST_INTEGER):
        return field_refusal(Code.RULE_BROKEN, [field], f"at most {_LONGEST[field]} characters")
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return field_refusal(Code.RULE_BROKEN, [field], "does not fit into 64 bits")
    for fields, good, code, text in _RULES:
        if field in fields and isinstance(value, str) and not good(value):
            return field_refusal(code, [field], text)
    return None


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_moment(value: str) -> bool:
    try:
        parse_datetime(value)
    except ValueError:
        return False
    return True


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


_PREDEFINED = "not one of the predefined values"
_RULES: tuple[tuple[tuple[str, ...], Callable[[str], bool], Code, str], ...] = (
    (
        _MAILS,
        lambda value: bool(_EMAIL.match(value)),
        Code.WRONG_FORMAT,
        "wrong format, not an e-mail address",
    ),
    (_URLS, _is_url, Code.WRONG_FORMAT, "wrong format, not a web address (https://…)"),
    (("validUntil",), _is_moment, Code.WRONG_FORMAT, "wrong format, not a date"),
    (("defaultCurrency",), lambda value: value in CURRENCIES, Code.RULE_BROKEN, _PREDEFINED),
    (_COUNTRIES, lambda value: value in COUNTRIES, Code.RULE_BROKEN, _PREDEFINED),
    (("timezone",), lambda value: value in _time_zones(), Code.RULE_BROKEN, _PREDEFINED),
)
