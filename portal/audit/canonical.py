"""Text as the audit table stores it and the hash covers it: made harmless, in one and only one form."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portal.audit.keys import compute_digest, get_audit_keys
from provisioning.gateway.secrets import MASK, Sealed

FORMAT = "portal-audit-1"
DEEPEST = 100
_NOT_STORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], "\N{REPLACEMENT CHARACTER}")

# Columns added after the first release, as text. They come last, and empty ones at the end are left out, so
# that rows from before a column keep their hash.
OPTIONAL_FIELDS = ("ancestors", "group_id")
# What the hash covers, in this order. Any other new column means a new FORMAT.
HASHED_FIELDS = (
    "sequence", "time", "actor_id", "actor_name", "actor_role", "session", "address", "request_id",
    "connection", "action", "operation", "object_kind", "object_guid", "object_name", "parent_guid",
    "parent_name", "change_id", "reason", "outcome", "code", "gateway_request_id", "request", "answer",
    "before", "after", "message", "duration_ms", "key_id", "previous_hash", *OPTIONAL_FIELDS,
)  # fmt: skip


def clean_text(text: object) -> str:
    """Return text that every database accepts: NUL and lone surrogates become U+FFFD."""
    return str(text).translate(_NOT_STORABLE)


def clean_json(value: Any, depth: int = 0) -> Any:
    """Return a copy of a JSON value that every database accepts, without secrets and of limited depth."""
    if depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {clean_text(key): clean_json(child, depth + 1) for key, child in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean_json(child, depth + 1) for child in value]
    if isinstance(value, Sealed):
        return MASK
    harmless = value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return value if harmless else clean_text(value)


def json_text(value: Any) -> str:
    """Return the canonical JSON text of `value`, with secrets masked; "" for None."""
    return "" if value is None else _dump_json(clean_json(value), sort_keys=True)


def is_genuine_row(row: Sequence[Any]) -> bool:
    """Return whether the portal wrote a row, given as the values of HASHED_FIELDS and the hash."""
    key_id = row[HASHED_FIELDS.index("key_id")]
    try:
        return key_id in get_audit_keys() and compute_digest(key_id, row_text(row[:-1])) == row[-1]
    except (TypeError, ValueError):
        return False


def get_stored_time(time: datetime) -> str:
    """Return the one text under which SQLite stores a time: queries read it, the hash the parsed time."""
    return str(time.astimezone(UTC).replace(tzinfo=None))


def row_text(values: Sequence[Any]) -> str:
    """Return the text that is hashed for a row, given the values of HASHED_FIELDS.

    Raises TypeError for a value that is neither text nor a number: SQLite also stores blobs.
    """
    end, required = len(values), len(values) - len(OPTIONAL_FIELDS)
    while end > required and values[end - 1] == "":
        end -= 1
    # An unreadable time is None.
    moment = values[1].astimezone(UTC).isoformat(timespec="microseconds") if values[1] else ""
    return _dump_json([FORMAT, values[0], moment, *values[2:end]])


def _dump_json(value: Any, *, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=sort_keys)
