"""Encrypt and decrypt stored secrets: AES-256-GCM, a key ID in every token, the context bound to it.

A column with such tokens is registered with `encrypted_fields`, so that the keys can be changed.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from provisioning.gateway.secrets import Sealed

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


class KeyringError(Exception):
    """A key is missing or malformed, or a token does not open. The text holds neither key nor secret."""


def seal(plaintext: str, *, context: str) -> str:
    """Encrypt `plaintext` under the current key into a token that opens only with the same `context`.

    Raises KeyringError if the keys are unusable. The token reads `v1.<key id>.<nonce>.<ciphertext>`.
    """
    key_id = current_key_id()
    nonce = os.urandom(_NONCE_BYTES)
    box = AESGCM(_get_keys()[key_id]).encrypt(nonce, plaintext.encode("utf-8"), _bind(key_id, context))
    return ".".join((_VERSION, key_id, _encode(nonce), _encode(box)))


def unseal(token: str, *, context: str) -> Sealed:
    """Open a token of `seal`. Raises KeyringError if it was altered, moved, or sealed with another key."""
    key_id, nonce, box = _split_token(token)
    key = _get_keys().get(key_id)
    if key is None:
        raise KeyringError(f"The stored secret was sealed with key “{key_id}”, which is not configured here.")
    try:
        return Sealed(AESGCM(key).decrypt(nonce, box, _bind(key_id, context)).decode("utf-8"))
    except (InvalidTag, ValueError):
        raise KeyringError(
            "The stored secret does not open: it was altered, belongs to another row, or the key is wrong."
        ) from None


def validate_keys() -> None:
    """Raise KeyringError, with what is wrong, unless every configured key is usable."""
    probe = "keys_check"
    if unseal(seal(probe, context=probe), context=probe) != Sealed(
        probe
    ):  # pragma: no cover - a broken library
        raise KeyringError("A sealed value did not come back the same.")


def current_key_id() -> str:
    """Return the id of the key that seals new values: the first one configured."""
    return next(iter(_get_keys()))


def key_ids() -> list[str]:
    """Return the ids of all configured keys, the current one first."""
    return list(_get_keys())


def get_key_id(token: str) -> str:
    """Return the ID of the key that encrypted `token`, configured or not. Raises KeyringError."""
    return _split_token(token)[0]


def fingerprint(secret: str) -> str:
    """Return 16 hex digits that tell secrets apart. They are keyed, so guessing does not help."""
    return fingerprints(secret)[0]


def fingerprints(secret: str) -> list[str]:
    """Return the fingerprint under each configured key, the current one first: an older one still matches."""
    return [_compute_fingerprint(key, secret) for key in _get_keys().values()]


def key_marks() -> list[str]:
    """Return 16 hex digits for each configured key, the current one first. Equal keys have equal marks."""
    return [_compute_fingerprint(key, "which key this is") for key in _get_keys().values()]


def _compute_fingerprint(key: bytes, secret: str) -> str:
    derived = hmac.digest(key, b"fingerprint", hashlib.sha256)
    return hmac.new(derived, secret.encode("utf-8"), hashlib.sha256).hexdigest()[:16]


def _get_keys() -> dict[str, bytes]:
    return _parse_keys(str(getattr(settings, "PORTAL_ENCRYPTION_KEYS", "") or ""))


@lru_cache(maxsize=4)
def _parse_keys(text: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, _, encoded = entry.partition(":")
        if not _KEY_ID.fullmatch(key_id) or not encoded:
            raise KeyringError(
                "PORTAL_ENCRYPTION_KEYS must read “id:base64,id:base64”, ids of letters, digits, - and _."
            )
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise KeyringError(f"Key “{key_id}” in PORTAL_ENCRYPTION_KEYS is not base64.") from None
        if len(key) != 32:
            raise KeyringError(
                f"Key “{key_id}” in PORTAL_ENCRYPTION_KEYS has {len(key)} bytes instead of 32."
            )
        if key_id in keys:
            raise KeyringError(f"PORTAL_ENCRYPTION_KEYS names key “{key_id}” twice.")
        keys[key_id] = key
    if not keys:
        raise KeyringError("PORTAL_ENCRYPTION_KEYS is empty: no key to seal with.")
    return keys


def _split_token(token: str) -> tuple[str, bytes, bytes]:
    try:
        version, key_id, nonce, box = token.split(".")
        found = key_id, _decode(nonce), _decode(box)
    except (ValueError, AttributeError):
        raise KeyringError("The stored secret is not in the form the keyring writes.") from None
    if version != _VERSION or len(found[1]) != _NONCE_BYTES or not _KEY_ID.fullmatch(key_id):
        raise KeyringError("The stored secret is not in the form the keyring writes.")
    return found


def _bind(key_id: str, context: str) -> bytes:
    return f"{_VERSION}|{key_id}|{context}".encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes:
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data) != text:  # Spare bits are set: the same bytes in another form, so the text was altered.
        raise ValueError
    return data
