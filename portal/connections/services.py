"""Adding, changing, pausing and resuming connections, each authorised again and on record."""

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
    """A new connection without credential; `values` are slug and FIELDS.

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
    """Changes FIELDS; returns the connection and how many stored credentials were destroyed by it.

    A new base URL destroys them: otherwise it could send an API key to whoever answers there. Who sets one
    needs the right to reset credentials as well. `seen` is the digest of what the person decided on: raises
    ChangedMeanwhile if it is another now, and as connection_add.
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
        destroyed = _moved(fresh, user, origin) if "base_url" in changed else 0
        if changed:
            record_event(
                action="connection.updated",
                origin=origin,
                connection=fresh.slug,
                object=get_connection_ref(fresh),
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )
    return fresh, destroyed


def set_connection_paused(
    *, user: Person, origin: Origin, connection: Connection, paused: bool, reason: str = ""
) -> bool:
    """Makes the connection read-only, or ends that; False if it was so already."""
    authorise(user=user, permission="connection.update")
    with transaction.atomic():
        others = Connection.objects.filter(pk=connection.pk, is_paused=not paused)
        if not others.update(is_paused=paused):
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


def _moved(connection: Connection, user: Person, origin: Origin) -> int:
    """No stored key follows a connection to another address, and who moves it decides where new ones go."""
    authorise(user=user, permission=RIGHT)
    Connection.objects.filter(pk=connection.pk).update(retry_at=None)  # that was the other gateway's wish
    destroyed = revoke_all_credentials(connection=connection, by=origin.actor_name)
    for credential in destroyed:
        record_event(
            action="credential.revoked",
            origin=origin,
            connection=connection.slug,
            object=get_connection_ref(connection),
            message=f"version {credential.version}, as the connection has a new address",
        )
    return len(destroyed)
