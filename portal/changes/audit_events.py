"""Record the audit events of a change, in one durable transaction with the change itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction

from portal.audit.recording import AuditUnavailable, ObjectRef, Origin, record_event
from portal.changes.errors import AuditWriteError
from portal.changes.models import Change
from provisioning.encryption import KeyringError


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
