"""The keys of the audit chain: from PORTAL_AUDIT_KEYS, outside the database, the first one signs."""

import base64
import binascii
import hmac
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def get_audit_keys() -> dict[str, bytes]:
    """Return the keys by id, the current one first. Raises ImproperlyConfigured for an invalid key."""
    return _parse_keys(settings.PORTAL_AUDIT_KEYS)


def get_current_key_id() -> str:
    """Return the id of the key that signs new rows."""
    return next(iter(get_audit_keys()))


def compute_digest(key_id: str, text: str) -> str:
    """Return the HMAC-SHA256 of `text` in hexadecimal. Raises KeyError for an unknown key."""
    return hmac.digest(get_audit_keys()[key_id], text.encode("utf-8", "surrogatepass"), "sha256").hex()


@lru_cache(maxsize=4)
def _parse_keys(setting: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for item in setting.split(","):
        key_id, _, encoded = item.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id or len(key_id) > 64 or len(key) < 32:
            # Neither the value nor a part of it: the message ends in logs.
            raise ImproperlyConfigured(
                "PORTAL_AUDIT_KEYS must be id:base64 of at least 32 bytes, comma-separated."
            )
        keys[key_id] = key
    return keys
