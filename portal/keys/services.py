"""Count the values under each encryption key, re-encrypt them with the first key, discard unreadable ones.

Called by `manage.py keyring` and by the check at start. docs/keys.md tells when to do what.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from portal.audit.recording import Origin, record_event
from portal.keys.key_presence import THERE, describe_holders, find_holders_lacking_key
from provisioning import encryption
from provisioning.encrypted_fields import (
    ENCRYPTED_FIELDS,
    discard_unreadable_values,
    iterate_encrypted_values,
    process_rows,
    reencrypt_row,
)

# Seconds between two transactions, so that other writers get a turn (SQLite's lock is unfair).
PAUSE = 0.005
Progress = Callable[[str, int], None]


@dataclass
class KeyUsage:
    """Count the encrypted values. `counts` is place → key ID → number; "" means not encrypted.

    `closed` lists the values that no configured key can decrypt: (place, primary key, part, key id).
    """

    keys: list[str]
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    closed: list[tuple[str, str, str, str]] = field(default_factory=list)

    def sealed_with(self, key_id: str) -> int:
        """Return how many values are encrypted with this key."""
        return sum(counter[key_id] for counter in self.counts.values())

    @property
    def unknown(self) -> list[str]:
        """Return the key ids of stored values that are not configured."""
        return sorted({key_id for counter in self.counts.values() for key_id in counter} - {*self.keys, ""})

    @property
    def unused(self) -> list[str]:
        """Return the keys that no stored value uses; remove them once no server encrypts with them."""
        return [key_id for key_id in self.keys[1:] if not self.sealed_with(key_id)]

    @property
    def waiting(self) -> int:
        """Return the number of values encrypted with another configured key than the first."""
        return sum(self.sealed_with(key_id) for key_id in self.keys[1:])


class KeyNotEverywhere(RuntimeError):  # noqa: N818 - reads as what happened
    """Another server could not open what would be sealed here; the message names it."""


class NumberDiffers(ValueError):  # noqa: N818 - reads as what happened
    """As many values as the person expected to lose are not what would be lost."""


def get_key_usage() -> KeyUsage:
    """Count every encrypted value and try to decrypt it. Raises KeyringError for unusable keys."""
    usage = KeyUsage(encryption.key_ids(), {name: Counter() for name in ENCRYPTED_FIELDS})
    for name, row, value in iterate_encrypted_values():
        usage.counts[name][value.key_id] += 1
        if not value.opens():
            usage.closed.append((name, str(row.pk), value.part, value.key_id))
    return usage


def rotate_keyring(
    *, origin: Origin, progress: Progress = lambda place, done: None, despite: str = ""
) -> int:
    """Re-encrypt every value with the first key, a few rows per transaction; return the number changed.

    Nobody has to wait, it can be stopped and started again at any time, and what does not open stays as it
    is. Recorded before the first value and after the last one; where nothing is left to do, not at all.
    Raises KeyNotEverywhere while a server lacks that key, unless `despite` says why not to wait for it.
    """
    key_id, waiting = encryption.current_key_id(), get_key_usage().waiting
    if not waiting:
        return 0
    if not despite:
        ensure_key_everywhere()
    record_event(
        action="keyring.rotation_began", origin=origin, message=f"with key “{key_id}”", reason=despite
    )
    done = 0
    for name, place in ENCRYPTED_FIELDS.items():
        for resealed in process_rows(place, reencrypt_row):
            done += resealed
            progress(name, done)
            time.sleep(PAUSE)
    record_event(
        action="keyring.rotated",
        origin=origin,
        outcome="success",
        message=f"with key “{key_id}”",
        after={"key": key_id, "values": done},
    )
    return done


def ensure_key_everywhere() -> None:
    """Raise KeyNotEverywhere with the names of active servers that lack the first key."""
    if lacking := find_holders_lacking_key():
        raise KeyNotEverywhere(
            f"Key “{encryption.current_key_id()}” is missing on some servers: {describe_holders(lacking)} "
            "could not decrypt values encrypted with it. Add it to PORTAL_ENCRYPTION_KEYS there and "
            f"restart. A server that has been shut down is ignored after {THERE.total_seconds() / 60:g} "
            "minutes."
        )


def discard_undecryptable(*, origin: Origin, expected: int) -> int:
    """Discard every value that no configured key decrypts, and return their number.

    Raises NumberDiffers unless that is exactly the `expected` number, and then nothing is taken out.
    """
    found = len(get_key_usage().closed)
    if found != expected:
        raise NumberDiffers(f"{found} values cannot be decrypted, not {expected}. Nothing was removed.")
    if not found:
        return 0
    record_event(action="keyring.discarded", origin=origin, after={"values": found})
    return sum(
        taken
        for place in ENCRYPTED_FIELDS.values()
        for taken in process_rows(place, discard_unreadable_values)
    )
