"""Field by field: what an event changed, for the detail page and for the history of one field."""

import json
from dataclasses import dataclass, field
from typing import Any

from portal.audit.models import Event
from portal.audit.search_index import flatten_values
from provisioning.gateway.secrets import MASK


@dataclass(frozen=True)
class FieldChange:
    """One field, old → new, as text; a secret only says that it changed. Of a list `added` and `removed`
    say more, unless only its order changed."""

    name: str
    old: str
    new: str
    secret: bool = False
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def get_field_changes(event: Event, *, without: str = "") -> list[FieldChange]:
    """Return the fields that differ between before and after, sorted by name; [] without values.

    `without` leaves out what lies below that name: a document that is compared in its own way.
    """
    before, after = flatten_values(event.before_data), flatten_values(event.after_data)
    return [
        _change(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if _differs(before.get(name), after.get(name))
        and not (without and f"{name}.".startswith(f"{without}."))
    ]


def describe_value(value: Any) -> str:
    """Return a value as text for a page; "—" for none."""
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(describe_value(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _differs(old: Any, new: Any) -> bool:
    return bool(old != new or MASK in (old, new))


def _change(name: str, old: Any, new: Any) -> FieldChange:
    if MASK in (old, new):
        return FieldChange(name, "", "", secret=True)
    added, removed = _items(old, new)
    return FieldChange(name, describe_value(old), describe_value(new), added=added, removed=removed)


def _items(old: Any, new: Any) -> tuple[list[str], list[str]]:
    """Return the items added to a list and those removed; none for other values."""
    if not all(value is None or isinstance(value, list) for value in (old, new)):
        return [], []
    was, now = old or [], new or []
    added = [describe_value(item) for item in now if item not in was]
    return added, [describe_value(item) for item in was if item not in now]
