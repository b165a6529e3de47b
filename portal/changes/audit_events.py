"""The audit events of a change, and the guard that turns an unwritable record into words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction

from portal.audit.recording import AuditUnavailable, ObjectRef, Origin, event_record
from portal.changes.errors import AuditWriteError
from portal.changes.models import Change
from provisioning.encryption import KeyringError


def change_event(action: str, change: Change, origin: Origin, **details: Any) -> None:
    """Appends one event about a change. Raises AuditUnavailable."""
    event_record(
        action=action,
        origin=origin,
        connection=change.connection,
        object=object_of(change),
        operation=change.operation,
        change_id=str(change.pk),
        reason=change.reason,
        **details,
    )


def object_of(change: Change) -> ObjectRef:
    """The change's entity as the audit trail names it."""
    return ObjectRef(
        kind=change.kind,
        guid=change.object_guid,
        name=change.object_name,
        parent_guid=change.parent_guid,
        parent_name=change.parent_name,
        ancestors=()
        if change.tenant_guid in ("", change.object_guid, change.parent_guid)
        else (change.tenant_guid,),
    )


def before_of(change: Change) -> dict[str, Any]:
    """The old values of what is to become different: beside `after_of`, nothing else seems to vanish."""
    return {
        row["field"]: row["old"]
        for row in change.rows
        if row["old"] is not None and not row["secret"] and not row["unchanged"]
    }


def after_of(change: Change) -> dict[str, Any]:
    """What is to become different, without what is sent along unchanged; secrets masked."""
    return change.changed_values


@contextmanager
def recorded() -> Iterator[None]:
    """A durable transaction for a change and its event: both or none, on disk when the block is left.

    Raises RecordMissing if either cannot be written.
    """
    try:
        with transaction.atomic(durable=True):
            yield
    except (AuditUnavailable, DatabaseError, KeyringError) as error:
        raise AuditWriteError(
            "The portal could not record this change, so nothing was sent. Try again. "
            "If it happens again, tell an admin."
        ) from error
