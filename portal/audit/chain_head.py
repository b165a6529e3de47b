"""The head of the chain: where it ends, sealed by the portal. Nothing is appended to another end."""

from datetime import datetime

from portal.audit.canonical import HASHED_FIELDS, is_genuine_row
from portal.audit.keys import compute_digest, get_audit_keys
from portal.audit.models import GENESIS, ChainHead, Event


class EndAltered(Exception):  # noqa: N818 - reads as what happened
    """The end of the chain is not as the portal left it. The text says what is wrong."""


def compute_head_seal(key_id: str, sequence: int, count: int, last_hash: str) -> str:
    """Return the seal of the portal on the chain head. Raises KeyError for an unknown key."""
    return compute_digest(key_id, f"head:{sequence}:{count}:{last_hash}")


def is_genuine_head(head: ChainHead) -> bool:
    """Return whether the portal wrote the head: its seal is valid, or there was never an event."""
    if head.sequence == 0 and not head.seal:
        return head.count == 0 and head.hash == GENESIS
    known = head.key_id in get_audit_keys()
    return known and compute_head_seal(head.key_id, head.sequence, head.count, head.hash) == head.seal


def get_last_time(head: ChainHead) -> datetime | None:
    """Return the time of the last event, None if there is none that the portal wrote. Raises EndAltered.

    The next event never bears an earlier time, so it must come from a row whose seal fits: one digest, and
    one row by its primary key. The time of an edited row sets no clock; verification finds that row.
    A row appended to another end would vouch for whatever was done before.
    """
    if not is_genuine_head(head):
        raise EndAltered("the head of its chain is not as the portal left it")
    try:
        last = Event.objects.order_by("-sequence").values_list(*HASHED_FIELDS, "hash").first()
    except (ValueError, OverflowError, TypeError) as error:
        raise EndAltered("its last row cannot be read") from error
    sequence, row_hash = (last[0], last[-1]) if last else (0, GENESIS)
    if (sequence, row_hash) != (head.sequence, head.hash):
        raise EndAltered("its last row is not the one that the head of its chain names")
    if last is None or not is_genuine_row(last):
        return None
    found: datetime = last[HASHED_FIELDS.index("time")]
    return found
