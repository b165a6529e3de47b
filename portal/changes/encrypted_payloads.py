"""Request bodies at rest: sealed with the keyring while unsent, and made fit for the database's JSON."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from provisioning import encryption
from provisioning.gateway.secrets import Sealed

_SEALED = "$sealed"
# Marks an object of the body that looks like one of these marks itself.
_LITERAL = "$literal"


def payload_seal(change: Model, payload: Mapping[str, Any]) -> str:
    """The body as one sealed text, bound to the change."""
    return encryption.seal(json.dumps(_opened(payload)), context=payload_context(change))


def payload_unseal(change: Model, sealed: str) -> dict[str, Any]:
    """Return the body, secrets as Sealed. Raises encryption.KeyringError if it was tampered with."""
    text = encryption.unseal(sealed, context=payload_context(change)).reveal()
    body: dict[str, Any] = _closed(json.loads(text))
    return body


def secrets_seal(change: Model, secrets: Mapping[str, str]) -> str:
    """Secrets the gateway generated, as one sealed text bound to the change."""
    return encryption.seal(json.dumps(dict(secrets)), context=secrets_context(change))


def secrets_unseal(change: Model, sealed: str) -> dict[str, str]:
    """Those secrets in clear: for the one page that shows them. Raises KeyringError."""
    found: dict[str, str] = json.loads(encryption.unseal(sealed, context=secrets_context(change)).reveal())
    return found


def payload_context(change: Model) -> str:
    """What a sealed body is bound to."""
    return f"change:{change.pk}:payload"


def secrets_context(change: Model) -> str:
    """What the sealed secrets of a change are bound to."""
    return f"change:{change.pk}:secrets"


def _opened(value: Any) -> Any:
    if isinstance(value, Sealed):
        return {_SEALED: value.reveal()}
    if isinstance(value, Mapping):
        opened = {key: _opened(child) for key, child in value.items()}
        return {_LITERAL: opened} if set(opened) in ({_SEALED}, {_LITERAL}) else opened
    if isinstance(value, (list, tuple)):
        return [_opened(child) for child in value]
    return value


def _closed(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_SEALED}:
            return Sealed(value[_SEALED])
        if set(value) == {_LITERAL} and isinstance(value[_LITERAL], dict):
            value = value[_LITERAL]
        return {key: _closed(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_closed(child) for child in value]
    return value
