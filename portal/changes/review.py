"""What the review page says will change: by default one row per property, old → new.

An app whose values are better explained in another way, such as routing rules, registers a ReviewRenderer for
its operation in `AppConfig.ready`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.changes.comparison import PARTNERS, is_same, iterate_leaves
from portal.changes.models import Change
from provisioning.contract.connector_settings import get_setting_note
from provisioning.gateway.secrets import MASK
from provisioning.operations import Operation, get_operation
from provisioning.registry import Registry

_ACRONYMS = {"api": "API", "url": "URL", "guid": "GUID", "pci": "PCI", "id": "id", "vt": "VT", "ui": "UI"}
# Labels of the forms for properties whose API names would read differently.
_PLAIN_LABELS = {"homepage": "Website", "timezone": "Time zone"}


@dataclass(frozen=True, slots=True)
class ReviewRenderer:
    """What the page of a change shows: a template, which draws a whole `.card`, and its variables.

    The template also has `change` and what else ChangeView.page_context returns.
    """

    template: str
    context: Callable[[Change], Mapping[str, Any]]


_RENDERERS: Registry[ReviewRenderer] = Registry("review renderers")


def register_review_renderer(operation: str, renderer: ReviewRenderer) -> None:
    """Show changes of an operation with this renderer. Raise KeyError if there is no such operation."""
    _RENDERERS.register(get_operation(operation).name, renderer)


def get_review_renderer(operation: str) -> ReviewRenderer:
    """Return the renderer of an operation, the table of rows if it has no other."""
    return _RENDERERS.get(operation) if operation in _RENDERERS else _ROW_TABLE


def get_row_context(change: Change) -> Mapping[str, Any]:
    """Return `rows` that change, and `sent_unchanged`: rows that are sent although nothing changes."""
    return {
        "rows": [row for row in change.rows if not row["unchanged"]],
        "sent_unchanged": [row for row in change.rows if row["unchanged"]],
    }


_ROW_TABLE = ReviewRenderer("changes/partials/rows.html", get_row_context)


def build_rows(
    operation: Operation, before: Mapping[str, Any], body: Mapping[str, Any], labels: Mapping[str, str]
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
            old = None if operation.creates else old_values.get(field)
            row = _row(field, labels.get(field) or get_label(field), old, new)
            if field in operation.time_properties:
                row["note"] = "Sent in UTC."  # forms take the user's time zone
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
