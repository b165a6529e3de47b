"""How a change is stored: its body and secrets encrypted, each step with its audit event."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Model

from portal.audit.recording import AuditUnavailable, ObjectRef, Origin, record_event
from portal.changes.errors import AuditWriteError
from portal.changes.models import Change
from provisioning import encryption
from provisioning.encryption import KeyringError
from provisioning.gateway.secrets import Sealed, reveal_all

_SEALED = "$sealed"
# Marks an object of the body that has the form of one of these marks.
_LITERAL = "$literal"


def record_change_event(action: str, change: Change, origin: Origin, **details: Any) -> None:
    """Append one event about a change. Raises AuditUnavailable."""
    known = ("", change.object_guid, change.parent_guid)
    ancestors = () if change.tenant_guid in known else (change.tenant_guid,)
    record_event(
        action=action,
        origin=origin,
        connection=change.connection,
        object=ObjectRef(
            kind=change.kind,
            guid=change.object_guid,
            name=change.object_name,
            parent_guid=change.parent_guid,
            parent_name=change.parent_name,
            ancestors=ancestors,
        ),
        operation=change.operation,
        change_id=str(change.pk),
        group=change.group_id,
        reason=change.reason,
        **details,
    )


def get_old_values(change: Change) -> dict[str, Any]:
    """Return the old values of the properties that become different, without secrets."""
    return {
        row["field"]: row["old"]
        for row in change.rows
        if row["old"] is not None and not row["secret"] and not row["unchanged"]
    }


@contextmanager
def durable_record(consequence: str = "nothing was sent") -> Iterator[None]:
    """Write a change and its event in one transaction, on disk when the block ends.

    Raises AuditWriteError, which states the `consequence`, if either cannot be written.
    """
    try:
        with transaction.atomic(durable=True):
            yield
    except (AuditUnavailable, DatabaseError, KeyringError) as error:
        raise AuditWriteError(
            f"The portal could not record this change, so {consequence}. Try again. "
            "If it happens again, tell an admin."
        ) from error


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
