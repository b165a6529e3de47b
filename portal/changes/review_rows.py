"""The rows of the review table: one per property that is sent, old → new, secrets only as "changed"."""

from collections.abc import Mapping
from typing import Any

from portal.changes.comparison import PARTNERS, is_same, iterate_leaves
from provisioning.contract.connector_settings import get_setting_note
from provisioning.gateway.secrets import MASK

_ACRONYMS = {"api": "API", "url": "URL", "guid": "GUID", "pci": "PCI", "id": "id", "vt": "VT", "ui": "UI"}
# Labels of the forms for properties whose API names would read differently.
_PLAIN_LABELS = {"homepage": "Website", "timezone": "Time zone"}


def build_rows(
    before: Mapping[str, Any], body: Mapping[str, Any], labels: Mapping[str, str], *, create: bool = False
) -> list[dict[str, Any]]:
    """Return rows for pages and JSON columns, from the masked old values and the masked request body.

    Each has field, label, old, new, secret, added, removed (of lists) and unchanged (sent because the
    contract asks for it).
    """
    old_values, rows = dict(iterate_leaves(before)), []
    for field, new in iterate_leaves(body):
        name, dot, key = field.partition(".")
        if name in PARTNERS:
            # Under the label of the property that it changes.
            action, concerned = PARTNERS[name]
            label = labels.get(f"{concerned}{dot}{key}") or get_label(field)
            if isinstance(new, list):
                row = _row(field, label, [], new)
                if action == "remove":
                    row |= {"added": [], "removed": new}
            elif action == "add":
                row = _row(field, label, old_values.get(f"{concerned}{dot}{key}"), new)
            else:
                row = _row(field, label, new, None)
        else:
            old = None if create else old_values.get(field)
            row = _row(field, labels.get(field) or get_label(field), old, new)
        rows.append(row)
    return rows


def get_label(field: str) -> str:
    """Return a label for a property without a form field: "config.apiSecret" → "Config: API secret"."""
    if field in _PLAIN_LABELS:
        return _PLAIN_LABELS[field]
    parts = []
    for part in field.split("."):
        spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in part)
        words = spaced.replace("_", " ").replace(":", " ").split()
        parts.append(" ".join(_ACRONYMS.get(word, word) for word in words))
    text = ": ".join(parts)
    return text[:1].upper() + text[1:]


def _row(field: str, label: str, old: Any, new: Any) -> dict[str, Any]:
    row = {"field": field, "label": label, "old": old, "new": new, "secret": bool(new == MASK)}
    row["unchanged"] = not row["secret"] and is_same(old, new)
    if isinstance(new, list) and (old is None or isinstance(old, list)):
        was = old or []
        row["added"] = [item for item in new if item not in was]
        row["removed"] = [item for item in was if item not in new]
    holder, _, key = field.partition(".")
    if key and holder in ("settings", "addSettings"):
        row["note"] = get_setting_note(key)
    return row
