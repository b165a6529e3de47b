"""The review table: one row per property that is sent, old → new, secrets only as "changed"."""

import re
from collections.abc import Mapping
from typing import Any

from portal.changes.snapshots import leaves, same
from provisioning.contract.connector_settings import get_setting_note
from provisioning.gateway.secrets import MASK

_PARTNER = re.compile(r"^(add|remove)([A-Z]\w*)(\..+)?$")
_ACRONYMS = {"api": "API", "url": "URL", "guid": "GUID", "pci": "PCI", "id": "id", "vt": "VT", "ui": "UI"}


def rows_of(
    before: Mapping[str, Any], body: Mapping[str, Any], labels: Mapping[str, str], *, create: bool = False
) -> list[dict[str, Any]]:
    """Rows for pages and JSON columns from the masked old values and the masked request body.

    Each has field, label, old, new, secret, added, removed (of lists) and unchanged (sent because the
    contract asks for it).
    """
    old_values, rows = dict(leaves(before)), []
    for field, new in leaves(body):
        partner = _PARTNER.match(field)
        if partner:
            rows.append(_partner_row(partner, labels, old_values, new))
            continue
        old = None if create else old_values.get(field)
        rows.append(_row(field, labels.get(field) or label_of(field), old, new))
    return rows


# What the forms call these properties; their names in the API say it differently.
_PLAIN_LABELS = {"homepage": "Website", "timezone": "Time zone"}


def label_of(field: str) -> str:
    """A readable name of a property for which no form gave one: "config.apiSecret" → "Config: API secret"."""
    if field in _PLAIN_LABELS:
        return _PLAIN_LABELS[field]
    parts = [" ".join(_words(part)) for part in field.split(".")]
    text = ": ".join(parts)
    return text[:1].upper() + text[1:]


def _partner_row(
    partner: re.Match[str], labels: Mapping[str, str], old_values: Mapping[str, Any], new: Any
) -> dict[str, Any]:
    """The partners add… and remove… say what becomes of the property they belong to."""
    field, adds = partner[0], partner[1] == "add"
    concerned = partner[2][0].lower() + partner[2][1:] + (partner[3] or "")
    label = labels.get(concerned) or label_of(field)
    if isinstance(new, list):
        row = _row(field, label, [], new)
        return row if adds else {**row, "added": [], "removed": new}
    return _row(field, label, old_values.get(concerned), new) if adds else _row(field, label, new, None)


def _row(field: str, label: str, old: Any, new: Any) -> dict[str, Any]:
    row = {"field": field, "label": label, "old": old, "new": new, "secret": _is_masked(new)}
    row["unchanged"] = not row["secret"] and same(old, new)
    if isinstance(new, list) and (old is None or isinstance(old, list)):
        was = old or []
        row["added"] = [item for item in new if item not in was]
        row["removed"] = [item for item in was if item not in new]
    holder, _, key = field.partition(".")
    if key and holder in ("settings", "addSettings"):
        row["note"] = get_setting_note(key)
    return row


def _is_masked(value: Any) -> bool:
    return bool(value == MASK)


def _words(name: str) -> list[str]:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return [_ACRONYMS.get(word, word) for word in spaced.replace("_", " ").replace(":", " ").split()]
