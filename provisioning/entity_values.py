"""Give each property of an entity the type that the contract declares.

Called by `provisioning.entities` for each entity from the gateway, so that no page has to check types. A
value of another type is left out and named as a problem, never guessed. Harmless deviations, such as a
number instead of a text, are converted.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from provisioning import contract
from provisioning.gateway.responses import TOO_DEEP, count_levels
from provisioning.gateway.secrets import Sealed

MAX_TEXT = 65_535
MAX_GUID = 100
MAX_LEVELS = 20
MAX_PROBLEMS = 20
_INT64 = 2**63
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_PLAIN = {"string": str, "boolean": bool}
_WORDS = {
    "string": "not a text", "boolean": "neither yes nor no", "integer": "not a whole number",
    "number": "not a number", "array": "not a list", "object": "not an object",
}  # fmt: skip
# Not possible in an address, neither the portal's nor the gateway's.
_NO_SEGMENT = re.compile(r"[/\\?#%\s]|\A\.+\Z")


class UnfitError(ValueError):
    """A value cannot be used. The text says why, after the property's name, and does not quote it."""


@dataclass(slots=True)
class Expected:
    """What the contract says of one value: the JSON types it may have, and what is inside.

    `plain` holds the Python types of which every value fits. No `kinds` means any type.
    """

    kinds: set[str] = field(default_factory=set)
    properties: dict[str, "Expected"] = field(default_factory=dict)
    items: "Expected | None" = None
    date: bool = False
    secret: bool = False
    plain: frozenset[type] = frozenset()


def coerce_values(schema: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values that fit the contract's `schema`, and what is wrong with the others.

    Undeclared values are sealed, because they may be secrets. null counts as absent.
    """
    problems: list[str] = []
    return _fit_object(values, _get_expected(schema), "", problems), tuple(problems[:MAX_PROBLEMS])


def validate_guid(guid: Any) -> str:
    """Return a GUID that pages and calls can use. Raises UnfitError."""
    if not isinstance(guid, str) or not guid:
        raise UnfitError("it has no GUID")
    if len(guid) > MAX_GUID:
        raise UnfitError(f"its GUID is longer than {MAX_GUID} characters")
    if not guid.isprintable() or _NO_SEGMENT.search(guid):
        raise UnfitError("its GUID cannot be part of an address")
    return guid


def parse_datetime(value: object) -> datetime | None:
    """Parse a date in either published format; without an offset it is UTC. Return None if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _fit_object(
    values: Mapping[str, Any], expected: Expected, path: str, problems: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        wanted = expected.properties.get(key)
        if wanted is None:
            found[key] = value if value in ("", [], {}) or isinstance(value, bool | Sealed) else Sealed(value)
        elif type(value) in wanted.plain and (type(value) is not str or _is_short(value)):
            found[key] = value  # most values of a long list
        else:
            try:
                found[key] = _fit(value, wanted, f"{path}{key}", problems)
            except UnfitError as error:
                problems.append(f"{path}{key}: {error}")
    return {key: value for key, value in found.items() if value is not None}


def _fit(value: Any, wanted: Expected, path: str, problems: list[str]) -> Any:
    """Return the value as the contract announces it, None for an absent one. Raises UnfitError."""
    kinds = wanted.kinds
    if value is None or (value == "" and wanted.date):
        return None
    if isinstance(value, Sealed) and not wanted.secret:
        raise UnfitError(_describe_misfit(kinds))
    if value == TOO_DEEP or (isinstance(value, dict | list) and count_levels(value, MAX_LEVELS) > MAX_LEVELS):
        raise UnfitError("nested too deeply")
    if not kinds or isinstance(value, Sealed):
        return value
    if isinstance(value, list) and not value and "object" in kinds:
        return {}
    if isinstance(value, dict) and "object" in kinds:
        return _fit_object(value, wanted, f"{path}.", problems) if wanted.properties else value
    if isinstance(value, dict) and "array" in kinds and all(str(key).isdigit() for key in value):
        value = list(value.values())  # how a list with gaps is written by some programs
    if not isinstance(value, list) or "array" not in kinds:
        return _fit_scalar(value, wanted)
    found = []
    for number, item in enumerate(value, start=1):
        try:
            fit = _fit(item, wanted.items, f"{path}.{number}", problems) if wanted.items else item
        except UnfitError as error:
            problems.append(f"{path}.{number}: {error}")
            continue
        if fit is not None or wanted.items is None:
            found.append(fit)
    return found


def _fit_scalar(value: Any, wanted: Expected) -> Any:
    """Return a text, number or truth value in one of the wanted types. Raises UnfitError."""
    kinds = wanted.kinds
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) and "boolean" in kinds:
        return value
    if "boolean" in kinds and str(value).lower() in _TRUTHS and not isinstance(value, dict | list):
        return _TRUTHS[str(value).lower()]
    if "integer" in kinds and not isinstance(value, bool):
        if isinstance(value, int) and -_INT64 <= value < _INT64:
            return value
        if isinstance(value, str) and "string" not in kinds and _INTEGER.fullmatch(value):
            return int(value)
    if "number" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if "string" in kinds and isinstance(value, int | float | str) and not isinstance(value, bool):
        text = str(value)
        if not _is_short(text):
            raise UnfitError(f"longer than {MAX_TEXT:,} characters")
        if wanted.date and parse_datetime(text) is None:
            raise UnfitError("not a date, or out of range")
        return text
    raise UnfitError(_describe_misfit(kinds))


def _describe_misfit(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(_WORDS[kind] for kind in kinds)) or "of a kind that is not expected"


def _is_short(text: str) -> bool:
    return len(text) <= MAX_TEXT and text != TOO_DEEP


@cache
def _get_expected(schema: str) -> Expected:
    return _describe_schema(contract.schema(schema))


def _describe_schema(schema: contract.Schema) -> Expected:
    """Merge what the contract says of a value and of its alternatives."""
    found = Expected(date=schema.get("$ref", "").endswith("/IxoDateTime"))
    node = contract.resolve(schema)
    found.secret = bool(node.get("x-secret"))
    kinds = node.get("type", "string" if "enum" in node else "object" if "properties" in node else [])
    found.kinds |= {kinds} if isinstance(kinds, str) else set(kinds) - {"null"}
    if node.get("maxItems") == 0:  # how the gateway writes an empty object
        found.kinds -= {"array"}
    found.properties = {name: _describe_schema(each) for name, each in node.get("properties", {}).items()}
    found.items = _describe_schema(node["items"]) if "items" in node else None
    for each in [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]:
        other = _describe_schema(each)
        found.kinds |= other.kinds
        found.properties |= other.properties
        found.items = found.items or other.items
        found.secret |= other.secret
    if not found.date and not found.secret:
        found.plain = frozenset(_PLAIN[kind] for kind in found.kinds & _PLAIN.keys())
    return found
