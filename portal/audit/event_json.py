"""One event as a JSON object: the shape that exports and the stream share. docs/audit.md describes it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portal.audit.canonical import HASHED_FIELDS
from portal.audit.models import Event

# A new or renamed field means a new number; receivers may rely on the rest.
SCHEMA = "portal-audit-event/1"
COLUMNS = (*HASHED_FIELDS, "hash")
_TEXTS_OF_JSON = ("request", "answer", "before", "after")


def build_event(row: Sequence[Any]) -> Event:
    """Return the event of a row of COLUMNS."""
    return Event(**dict(zip(COLUMNS, row, strict=True)))


def get_event_values(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of COLUMNS as JSON values: the time as text, request and answer as objects or None."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["time"] = format_utc(values["time"])
    for name in _TEXTS_OF_JSON:
        values[name] = json.loads(values[name]) if values[name] else None
    return values


def format_utc(when: datetime | None) -> str:
    """Return a time as ISO 8601 in UTC, always with six digits; "" for None."""
    return "" if when is None else when.astimezone(UTC).isoformat(timespec="microseconds")
