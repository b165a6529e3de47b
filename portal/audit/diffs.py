"""Field by field: what an event changed, for the detail page."""

from dataclasses import dataclass
from typing import Any

from portal.audit.models import Event
from portal.audit.terms import flat_values
from provisioning.gateway.secrets import MASK


@dataclass(frozen=True)
class FieldChange:
    """One field, old → new, as text; a secret only says that it changed."""

    name: str
    old: str
    new: str
    secret: bool = False


def field_changes(event: Event) -> list[FieldChange]:
    """The fields that differ between before and after, in the order of their names; [] without values."""
    before, after = flat_values(event.before_data), flat_values(event.after_data)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if MASK in (old, new):
            changes.append(FieldChange(name, "", "", secret=True))
        elif old != new:
            changes.append(FieldChange(name, _words(old), _words(new)))
    return changes


def _words(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_words(item) for item in value) or "—"
    return str(value)
