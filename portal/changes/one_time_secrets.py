"""Secrets that the gateway generated: sealed with the change, shown once, to its author, for minutes."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.audit_events import change_event, recorded
from portal.changes.encrypted_payloads import secrets_seal, secrets_unseal
from portal.changes.errors import InvalidState, SecretsGone
from portal.changes.models import Change, State
from portal.changes.permissions import Person, authorise, change_authorise, visible_changes
from provisioning.encryption import KeyringError
from provisioning.entities import Entity
from provisioning.gateway.secrets import Sealed

REVEAL_WITHIN = timedelta(minutes=15)
# create-connector: "generated when empty".
GENERATED = {"connector.create": ("sharedSecret", "publicIntegrationKey")}
_GONE = (
    "They are shown once, to the person who created the connector, within 15 minutes. "
    "If nobody saved them, set new ones on the connector’s edit page."
)


def generated_seal(change: Change, entity: Entity | None) -> dict[str, Any]:
    """Column values that keep what the gateway generated: properties of the answer that were not sent."""
    found: dict[str, str] = {}
    for name in GENERATED.get(change.operation, ()) if entity else ():
        value = entity.values.get(name) if entity else None
        if value and name not in change.body:
            found[name] = str(value.reveal() if isinstance(value, Sealed) else value)
    if not found:
        return {}
    return {"sealed_secrets": secrets_seal(change, found), "secrets_until": timezone.now() + REVEAL_WITHIN}


def secrets_reveal(*, user: Person, origin: Origin, change: Change) -> dict[str, str]:
    """Property → secret in clear, once: afterwards they are deleted here. Recorded before it is returned.

    Raises PermissionDenied, SecretsGone, RecordMissing (then they can still be shown).
    """
    authorise(user=user, permission="connector.reveal_secret")
    change_authorise(user=user, change=change)
    sealed = change.sealed_secrets
    if not _may_see(change, user):
        raise SecretsGone(_GONE)
    try:
        secrets = secrets_unseal(change, sealed)
    except KeyringError as error:
        raise InvalidState(
            f"These secrets cannot be decrypted on this server. {error} They are still stored. Tell an "
            "admin, and try again within the 15 minutes."
        ) from error
    with recorded():
        taken = Change.objects.filter(pk=change.pk, sealed_secrets=sealed, secrets_until__gt=timezone.now())
        if not taken.update(sealed_secrets="", secrets_revealed_at=timezone.now()):
            raise SecretsGone(_GONE)
        change_event(
            "secret.revealed", change, origin, outcome="shown", after=dict.fromkeys(secrets, "shown once")
        )
    return secrets


def change_with_secrets(*, user: Person, connection: str, guid: str) -> Change | None:
    """The change whose generated secrets this person can still be shown on an entity's page."""
    changes = visible_changes(user).filter(
        connection=connection, object_guid=guid, state=State.ACCEPTED, actor_id=user.pk
    )
    return changes.filter(secrets_until__gt=timezone.now()).exclude(sealed_secrets="").first()


def _may_see(change: Change, user: Person) -> bool:
    in_time = change.secrets_until is not None and change.secrets_until > timezone.now()
    return bool(change.sealed_secrets) and in_time and change.actor_id == user.pk
