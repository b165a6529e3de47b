"""The head of the chain: where it ends, sealed by the portal. Nothing is appended to another end."""

from portal.audit.keys import audit_keys, keyed_digest
from portal.audit.models import GENESIS, Event, Head


def head_seal(key_id: str, sequence: int, count: int, last_hash: str) -> str:
    """What shows that the head was written by the portal. Raises KeyError for an unknown key."""
    return keyed_digest(key_id, f"head:{sequence}:{count}:{last_hash}")


def head_genuine(head: Head) -> bool:
    """Whether the portal wrote it: its seal fits, or there was never an event."""
    if head.sequence == 0 and not head.seal:
        return head.count == 0 and head.hash == GENESIS
    known = head.key_id in audit_keys()
    return known and head_seal(head.key_id, head.sequence, head.count, head.hash) == head.seal


def head_trouble(head: Head) -> str:
    """What is wrong with the end of the chain, "" for nothing: one digest, and one row by its primary key.

    A row that followed it would be sealed with the portal's key, and vouch for whatever was done before.
    """
    if not head_genuine(head):
        return "the head of its chain is not as the portal left it"
    last = Event.objects.order_by("-sequence").values_list("sequence", "hash").first()
    if (last or (0, GENESIS)) != (head.sequence, head.hash):
        return "its last row is not the one that the head of its chain names"
    return ""
