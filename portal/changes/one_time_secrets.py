"""Secrets that the gateway generated: stored encrypted, shown once to the author within 15 minutes."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.errors import InvalidState, SecretsGone
from portal.changes.models import Change, State
from portal.changes.permissions import Person, authorise, authorise_change, visible_changes
from portal.changes.records import durable_record, record_change_event, seal_secrets, unseal_secrets
from provisioning import service
from provisioning.encryption import KeyringError
from provisioning.entities import Entity
from provisioning.gateway.errors import ProvisioningError
from provisioning.gateway.secrets import Sealed
from provisioning.gateway.timing import time_limit

REVEAL_WITHIN = timedelta(minutes=15)
_GONE = (
    "They are shown once, to the person who created the connector, within 15 minutes. "
    "If nobody saved them, set new ones on the connector’s edit page."
)

# Seconds that showing the secrets spends on reading the connector.
CHECK_SECONDS = 5.0
_REPLACED = "The gateway shows another value now, so this one is no longer valid."
_MAYBE_REPLACED = "A later change set another value, so this one may no longer be valid."
_UNREADABLE = (
    "The gateway did not show its value just now, so the portal cannot tell whether this one is valid."
)


def seal_generated_secrets(change: Change, entity: Entity | None) -> dict[str, Any]:
    """Return the column values that store generated secrets: those in the answer that were not sent."""
    found: dict[str, str] = {}
    for name in change.spec.generates if entity else ():
        value = entity.values.get(name) if entity else None
        if value and name not in change.body:
            found[name] = str(value.reveal() if isinstance(value, Sealed) else value)
    if not found:
        return {}
    return {"sealed_secrets": seal_secrets(change, found), "secrets_until": timezone.now() + REVEAL_WITHIN}


def reveal_secrets(*, user: Person, origin: Origin, change: Change) -> dict[str, str]:
    """Return property → secret in plain text once, and delete them here. The event is recorded first.

    Raises PermissionDenied, SecretsGone, InvalidState, AuditWriteError; the last two leave the secrets
    stored.
    """
    authorise(user=user, permission="connector.reveal_secret")
    authorise_change(user=user, change=change)
    sealed = change.sealed_secrets
    in_time = change.secrets_until is not None and change.secrets_until > timezone.now()
    if not sealed or not in_time or change.actor_id != user.pk:
        raise SecretsGone(_GONE)
    try:
        secrets = unseal_secrets(change, sealed)
    except KeyringError as error:
        raise InvalidState(
            f"These secrets cannot be decrypted on this server. {error} They are still stored. Tell an "
            "admin, and try again within the 15 minutes."
        ) from error
    with durable_record("the secrets are not shown"):
        unseen = Change.objects.filter(pk=change.pk, sealed_secrets=sealed, secrets_until__gt=timezone.now())
        deleted = unseen.update(sealed_secrets="", secrets_revealed_at=timezone.now())
        if not deleted:
            raise SecretsGone(_GONE)
        record_change_event(
            "secret.revealed", change, origin, outcome="shown", after=dict.fromkeys(secrets, "shown once")
        )
    return secrets


def check_secrets(change: Change, secrets: dict[str, str]) -> dict[str, str]:
    """Return property → warning for revealed secrets that are not valid any more, or may not be.

    Reads the connector from the gateway, because its secrets may have been replaced outside the portal.
    """
    later = Change.objects.filter(
        connection=change.connection,
        object_guid=change.object_guid,
        created_at__gt=change.created_at,
        state__in=(State.ACCEPTED, State.SENDING, State.UNKNOWN, State.NOT_FOUND),
    )
    sent = {name for each in later for name in each.body}
    warnings = {name: _MAYBE_REPLACED for name in secrets if name in sent}
    try:
        with time_limit(CHECK_SECONDS):
            present = service.read_result(
                change.operation,
                connection=change.connection,
                parent=change.parent_guid,
                guid=change.object_guid,
            )
    except ProvisioningError:
        return {name: warnings.get(name, _UNREADABLE) for name in secrets}
    for name, secret in secrets.items():
        value = present.values.get(name)
        shown = value.reveal() if isinstance(value, Sealed) else value
        if shown is None:
            warnings.setdefault(name, _UNREADABLE)
        elif str(shown) != secret:
            warnings[name] = _REPLACED
    return warnings


def find_change_with_secrets(*, user: Person, connection: str, guid: str) -> Change | None:
    """Return the change whose generated secrets can still be shown to this user, if there is one."""
    changes = visible_changes(user).filter(
        connection=connection, object_guid=guid, state=State.ACCEPTED, actor_id=user.pk
    )
    return changes.filter(secrets_until__gt=timezone.now()).exclude(sealed_secrets="").first()
