"""Encrypt request bodies and generated secrets for the database; make values safe for its columns."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from provisioning import encryption
from provisioning.gateway.secrets import Sealed, reveal_all

_SEALED = "$sealed"
# Marks an object of the body that has the form of one of these marks.
_LITERAL = "$literal"


def seal_payload(change: Model, payload: Mapping[str, Any]) -> str:
    """Return the body as one encrypted text, bound to the change."""
    return encryption.seal(json.dumps(_mark_secrets(payload)), context=payload_context(change))


def unseal_payload(change: Model, sealed: str) -> dict[str, Any]:
    """Return the body, secrets as Sealed. Raises encryption.KeyringError if it cannot be decrypted."""
    text = encryption.unseal(sealed, context=payload_context(change)).reveal()
    body: dict[str, Any] = _restore_secrets(json.loads(text))
    return body


def seal_secrets(change: Model, secrets: Mapping[str, str]) -> str:
    """Return the secrets that the gateway generated as one encrypted text, bound to the change."""
    return encryption.seal(json.dumps(dict(secrets)), context=secrets_context(change))


def unseal_secrets(change: Model, sealed: str) -> dict[str, str]:
    """Return those secrets in plain text, for the page that shows them once. Raises KeyringError."""
    found: dict[str, str] = json.loads(encryption.unseal(sealed, context=secrets_context(change)).reveal())
    return found


def payload_context(change: Model) -> str:
    """Return the encryption context of a body."""
    return f"change:{change.pk}:payload"


def secrets_context(change: Model) -> str:
    """Return the encryption context of generated secrets."""
    return f"change:{change.pk}:secrets"


def get_body_digests(change: Any, payload: Mapping[str, Any]) -> list[str]:
    """Return 16 hex digits for the body and its destination, one per configured key, the current one first.

    Secrets are included; the digests are keyed, so they do not reveal them.
    """
    parts = [change.operation, change.connection, change.target, reveal_all(dict(payload))]
    return encryption.fingerprints(json.dumps(parts, sort_keys=True, default=str))


def is_same_body(first: Any, change: Any, payload: Mapping[str, Any]) -> bool:
    """Return whether `change` would send what the change `first` sent, under any configured key."""
    return first.body_digest in get_body_digests(change, payload)


def _mark_secrets(value: Any) -> Any:
    if isinstance(value, Sealed):
        return {_SEALED: value.reveal()}
    if isinstance(value, Mapping):
        opened = {key: _mark_secrets(child) for key, child in value.items()}
        return {_LITERAL: opened} if set(opened) in ({_SEALED}, {_LITERAL}) else opened
    if isinstance(value, (list, tuple)):
        return [_mark_secrets(child) for child in value]
    return value


def _restore_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_SEALED}:
            return Sealed(value[_SEALED])
        if set(value) == {_LITERAL} and isinstance(value[_LITERAL], dict):
            value = value[_LITERAL]
        return {key: _restore_secrets(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_restore_secrets(child) for child in value]
    return value
