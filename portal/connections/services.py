"""Add, update, pause and resume connections. Each function authorises again and records an audit event."""

from typing import Any

from django.db import transaction

from portal.audit.recording import Origin, record_event
from portal.changes.permissions import Person, authorise
from portal.connections.credential_actions import RIGHT
from portal.connections.optimistic_lock import (
    FIELDS,
    get_connection_ref,
    get_connection_values,
    lock_connection,
)
from provisioning.credentials.credential_lifecycle import revoke_all_credentials
from provisioning.credentials.models import Connection
from provisioning.credentials.services import create_connection


def add_connection(*, user: Person, origin: Origin, values: dict[str, Any]) -> Connection:
    """Create a connection without a credential. `values` are slug and FIELDS.

    Raises PermissionDenied, ValidationError, AuditUnavailable.
    """
    authorise(user=user, permission="connection.create")
    with transaction.atomic():
        made = create_connection(**values)
        record_event(
            action="connection.created",
            origin=origin,
            connection=made.slug,
            object=get_connection_ref(made),
            after=get_connection_values(made),
        )
    return made


def update_connection(
    *, user: Person, origin: Origin, connection: Connection, values: dict[str, Any], seen: str
) -> tuple[Connection, int]:
    """Update FIELDS. Return the connection and the number of stored credentials that this destroyed.

    A new base URL destroys the stored credentials: otherwise the portal would send the API key to a server
    that it was not entered for. It therefore also requires the permission to reset credentials.

    `seen` is the digest of the connection that the user saw. Raises ChangedConcurrently if it differs now,
    and the errors of add_connection.
    """
    authorise(user=user, permission="connection.update")
    with transaction.atomic():
        fresh = lock_connection(connection, seen=seen)
        before = get_connection_values(fresh)
        for name in FIELDS:
            setattr(fresh, name, values.get(name, before[name]))
        fresh.full_clean()
        fresh.save()
        after = get_connection_values(fresh)
        changed = [name for name in FIELDS if before[name] != after[name]]
        destroyed = []
        if "base_url" in changed:
            authorise(user=user, permission=RIGHT)
            # The previous gateway asked for the wait, not this one.
            Connection.objects.filter(pk=connection.pk).update(retry_at=None)
            destroyed = revoke_all_credentials(connection=fresh, by=origin.actor_name)
        for credential in destroyed:
            record_event(
                action="credential.revoked",
                origin=origin,
                connection=fresh.slug,
                object=get_connection_ref(fresh),
                message=f"version {credential.version}, as the connection has a new address",
            )
        if changed:
            record_event(
                action="connection.updated",
                origin=origin,
                connection=fresh.slug,
                object=get_connection_ref(fresh),
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )
    return fresh, len(destroyed)


def set_connection_paused(
    *, user: Person, origin: Origin, connection: Connection, paused: bool, reason: str = ""
) -> bool:
    """Pause (make read-only) or resume the connection. Return False if that was already its state."""
    authorise(user=user, permission="connection.update")
    with transaction.atomic():
        others = Connection.objects.filter(pk=connection.pk, is_paused=not paused)
        changed = others.update(is_paused=paused)
        if not changed:
            return False
        record_event(
            action="connection.paused" if paused else "connection.resumed",
            origin=origin,
            connection=connection.slug,
            object=get_connection_ref(connection),
            before={"is_paused": not paused},
            after={"is_paused": paused},
            reason=reason,
        )
    return True
