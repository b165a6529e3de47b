"""Notice that a connection has changed since a user opened a form for it."""

import hashlib
import json
from typing import Any

from portal.audit.recording import ObjectRef
from provisioning.credentials.models import Connection

FIELDS = (
    "name", "kind", "colour", "base_url", "tenant_guid", "egress_addresses", "remind_after_days",
)  # fmt: skip


class ChangedConcurrently(Exception):  # noqa: N818 - reads as what happened
    """Another user changed the connection after the form was opened. Nothing was done."""


def get_connection_values(connection: Connection) -> dict[str, Any]:
    """Return the FIELDS by name."""
    return {name: getattr(connection, name) for name in FIELDS}


def get_connection_digest(connection: Connection) -> str:
    """Return a digest of the FIELDS, 16 hex digits."""
    return hashlib.sha256(json.dumps(get_connection_values(connection)).encode()).hexdigest()[:16]


def lock_connection(connection: Connection, *, seen: str) -> Connection:
    """Lock the row until the transaction ends. Raises ChangedConcurrently if its digest is not `seen`."""
    fresh = Connection.objects.select_for_update().get(pk=connection.pk)
    if get_connection_digest(fresh) != seen:
        raise ChangedConcurrently
    return fresh


def get_connection_ref(connection: Connection) -> ObjectRef:
    """Return the connection as the object of an audit event."""
    return ObjectRef("connection", connection.slug, connection.name)
