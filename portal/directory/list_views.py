"""The pieces of a list page: what the address asks for, the filters on offer, one row for the template."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.datetimes import moment_shown
from portal.core.links import URL_NAMESPACES
from portal.core.templatetags.portal import badge
from portal.core.text import search_text
from portal.directory.models import IndexedEntity, status_named

STATUSES = (("active", "Active"), ("disabled", "Disabled"), ("archived", "Archived"))
CHILD_STATUSES = (*STATUSES, ("off", "Off: merchant disabled or archived"))
_STATUS_ROWS: dict[str, dict[str, bool]] = {
    "active": {"disabled": False, "archived": False},
    "disabled": {"disabled": True, "archived": False},
    "archived": {"archived": True},
}


_OFF = {"disabled": "off_disabled", "archived": "off_archived"}
_BADGES = {status: badge(status) for status in ("active", "disabled", "archived", *_OFF.values())}
# Merchants hang under their tenant, and that is what the index is built for.
_COLUMN_OF = {"tenant": "parent_guid"}


@dataclass(frozen=True, slots=True)
class ListFilter:
    """One drop-down of a list: its parameter in the address, label, values on offer and the one chosen."""

    name: str
    label: str
    options: list[tuple[str, str]]
    value: str


def query_param(query: QueryDict, name: str) -> str:
    """Return one parameter of the address without invisible characters and what came along with a paste."""
    return search_text(query.get(name, ""))


def filter_rows(rows: QuerySet[IndexedEntity], chosen: Mapping[str, str]) -> QuerySet[IndexedEntity]:
    """Rows that satisfy the chosen filters: status, tenant, and columns by equality. "" chooses nothing."""
    for name, value in chosen.items():
        if name == "status":
            rows = _rows_of_status(rows, value)
        elif value:
            rows = rows.filter(**{_COLUMN_OF.get(name, name): value})
    return rows


def _rows_of_status(rows: QuerySet[IndexedEntity], status: str) -> QuerySet[IndexedEntity]:
    """Rows of an effective status: users and connectors of a merchant that is off are not active."""
    merchants_off = IndexedEntity.objects.filter(
        Q(disabled=True) | Q(archived=True),
        connection=OuterRef("connection"), kind="merchant", guid=OuterRef("parent_guid"),
    )  # fmt: skip
    if status == "off":
        return rows.filter(Exists(merchants_off), disabled=False, archived=False)
    rows = rows.filter(**_STATUS_ROWS.get(status, {}))
    return rows.exclude(Exists(merchants_off)) if status == "active" else rows


def label_options(codes: Iterable[str], names: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The codes that occur, with the names people know them by."""
    known = dict(names)
    return sorted(((code, known.get(code, code)) for code in codes), key=lambda option: option[1])


def get_page_prefix(kind: str, connection: str) -> str:
    """What stands before the guid in addresses of a kind: one `reverse` for a list instead of one a row."""
    return reverse(
        f"{URL_NAMESPACES[kind]}:page", kwargs={"connection": connection, "guid": "0"}
    ).removesuffix("0/")


def join_page_address(prefix: str, guid: str) -> str:
    """The address of an entity's page."""
    return f"{prefix}{quote(guid, safe='')}/"


def prepare_row(row: Mapping[str, Any], prefix: str, zone: tzinfo) -> dict[str, Any]:
    """A row as templates draw it: tags in a loop over fifty rows would cost more than the query."""
    status = effective_status(get_status(row), row.get("parent_status", ""))
    extras = {
        "url": join_page_address(prefix, row["guid"]),
        "status": status,
        "badge": _badge(status, row["fields"].get("unreadable")),
        "created": moment_shown(row["created_at"], zone),
    }
    return {**row, **extras}


def effective_status(status: str, merchant: str) -> str:
    """Return the state of a badge: what belongs to a merchant that is off is off, too.

    `status` is the entity's own, `merchant` that of its merchant, "" if it has none.
    """
    return _OFF.get(merchant, status) if status == "active" else status


def get_effective_status(entry: IndexedEntity, parents: Iterable[IndexedEntity]) -> str:
    """Return the state of an entity's badge. `parents` are the rows above it."""
    merchant = next((parent.status for parent in parents if parent.kind == "merchant"), "")
    return effective_status(entry.status, merchant)


def _badge(status: str, unreadable: list[str] | None) -> SafeString:
    """The badge of a status, with the properties that could not be read."""
    if not unreadable:
        return _BADGES[status]
    return format_html(
        '{}<div class="text-secondary">unreadable: {}</div>', badge(status), "; ".join(unreadable[:3])
    )


def get_status(row: Mapping[str, Any]) -> str:
    """The word of the badge, for rows read as plain values."""
    return status_named(disabled=row["disabled"], archived=row["archived"], fields=row.get("fields") or {})
