"""The facts of a connection: which there are, and whether they are still those that somebody saw."""

import hashlib
import json
from typing import Any

from portal.audit.recording import ObjectRef
from provisioning.credentials.models import Connection

FIELDS = (
    "name", "kind", "colour", "base_url", "tenant_guid", "egress_addresses", "remind_after_days",
)  # fmt: skip


class ChangedConcurrently(Exception):  # noqa: N818 - reads as what happened
    """Somebody else changed the connection after the form was opened; nothing was done."""


def get_connection_values(connection: Connection) -> dict[str, Any]:
    """Name → value of FIELDS."""
    return {name: getattr(connection, name) for name in FIELDS}


def get_connection_digest(connection: Connection) -> str:
    """What tells whether the facts of a connection are still those that somebody saw."""
    return hashlib.sha256(json.dumps(get_connection_values(connection)).encode()).hexdigest()[:16]


def lock_connection(connection: Connection, *, seen: str) -> Connection:
    """The row as it is now, and stays until the transaction ends. Raises ChangedMeanwhile, against `seen`."""
    fresh = Connection.objects.select_for_update().get(pk=connection.pk)
    if get_connection_digest(fresh) != seen:
        raise ChangedConcurrently
    return fresh


def get_connection_ref(connection: Connection) -> ObjectRef:
    """The connection as the object of an audit event."""
    return ObjectRef("connection", connection.slug, connection.name)
