"""The pieces of a list page: what the address asks for, the filters on offer, one row for the template."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from portal.console.moments import moment_shown
from portal.console.templatetags.portal import badge
from portal.directory.models import Entry

ROOMS = {
    "tenant": "tenants",
    "merchant": "merchants",
    "merchant_user": "merchant_users",
    "connector": "connectors",
}
STATUSES = (("active", "Active"), ("disabled", "Disabled"), ("archived", "Archived"))
_STATUS_ROWS: dict[str, dict[str, bool]] = {
    "active": {"disabled": False, "archived": False},
    "disabled": {"disabled": True, "archived": False},
    "archived": {"archived": True},
}


_BADGES = {status: badge(status) for status in ("active", "disabled", "archived")}
# Merchants hang under their tenant, and that is what the index is built for.
_COLUMN_OF = {"tenant": "parent_guid"}


@dataclass(frozen=True, slots=True)
class ListFilter:
    """One drop-down of a list: its parameter in the address, label, values on offer and the one chosen."""

    name: str
    label: str
    options: list[tuple[str, str]]
    value: str


def asked(query: QueryDict, name: str) -> str:
    """One parameter of the address, trimmed to what a person types and a database takes."""
    return query.get(name, "").replace("\x00", "").encode("utf-8", "ignore").decode().strip()[:200]


def rows_narrowed(rows: QuerySet[Entry], chosen: Mapping[str, str]) -> QuerySet[Entry]:
    """Rows that satisfy the chosen filters: status, tenant, and columns by equality. "" chooses nothing."""
    for name, value in chosen.items():
        if name == "status":
            rows = rows.filter(**_STATUS_ROWS.get(value, {}))
        elif value:
            rows = rows.filter(**{_COLUMN_OF.get(name, name): value})
    return rows


def options_named(codes: Iterable[str], names: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The codes that occur, with the names people know them by."""
    known = dict(names)
    return sorted(((code, known.get(code, code)) for code in codes), key=lambda option: option[1])


def page_prefix(kind: str, connection: str) -> str:
    """What stands before the guid in addresses of a kind: one `reverse` for a list instead of one a row."""
    return reverse(f"{ROOMS[kind]}:page", kwargs={"connection": connection, "guid": "0"}).removesuffix("0/")


def page_address(prefix: str, guid: str) -> str:
    """The address of an entity's page."""
    return f"{prefix}{quote(guid, safe='')}/"


def row_shown(row: Mapping[str, Any], prefix: str, zone: tzinfo) -> dict[str, Any]:
    """A row as templates draw it: tags in a loop over fifty rows would cost more than the query."""
    status = status_of(row)
    extras = {
        "url": page_address(prefix, row["guid"]),
        "status": status,
        "badge": _BADGES[status],
        "created": moment_shown(row["created_at"], zone),
    }
    return {**row, **extras}


def status_of(row: Mapping[str, Any]) -> str:
    """The word of the badge, for rows read as plain values."""
    return "archived" if row["archived"] else "disabled" if row["disabled"] else "active"
