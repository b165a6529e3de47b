"""Resetting a connection's credential: proven at the gateway first, active after, both on record."""

from dataclasses import dataclass

from django.db import transaction

from portal.audit.services import ObjectRef, Origin, event_record
from provisioning.connections.models import Connection, Credential
from provisioning.connections.services import credential_reset
from provisioning.service import (
    NotAuthorised,
    NotSent,
    OutcomeUnknown,
    ProvisioningError,
    credential_probe,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a credential was not activated: how the log calls it, what happened, what to do next."""

    outcome: str
    happened: str
    next_step: str
    error: ProvisioningError


_NEXT_STEPS: dict[type[ProvisioningError], tuple[str, str, str]] = {
    NotAuthorised: (
        "refused",
        "The gateway does not accept this API key and password.",
        "Check that both were copied whole, that the key is for the service “Provisioning API”, and that "
        "this portal's address is on the key's list of allowed addresses.",
    ),
    NotSent: (
        "not_sent",
        "Nothing reached the gateway, so the credential could not be tested.",
        "The key may be right. Check the connection's address, name look-up, certificate and firewall.",
    ),
    OutcomeUnknown: (
        "unknown",
        "The gateway gave no usable answer, so the credential could not be tested.",
        "The key may be right. Try again; if it persists, the gateway is disturbed.",
    ),
}
_OTHER = (
    "refused",
    "The gateway knows the credential but refused the test, which lists tenants.",
    "The message below says why; the key may lack a right.",
)


def credential_prove_and_reset(
    *, connection: Connection, api_key: str, password: str, origin: Origin
) -> Credential | Failure:
    """Tries the pair with one harmless read and makes it the active one if the gateway takes it.

    Until then the old one stays in use. Raises KeyringError if it cannot be sealed, and AuditUnavailable:
    nothing was stored then.
    """
    about = ObjectRef("connection", connection.slug, connection.name)
    try:
        credential_probe(connection=connection.slug, api_key=api_key, password=password)
    except ProvisioningError as error:
        failure = _failure(error)
        event_record(
            action="credential.tested",
            origin=origin,
            outcome=failure.outcome,
            connection=connection.slug,
            object=about,
            code=str(error.code or ""),
            gateway_request_id=error.request_id,
            message=failure.happened,
            duration_ms=error.duration_ms,
        )
        return failure
    return _activated(connection, about, api_key, password, origin)


@transaction.atomic
def _activated(
    connection: Connection, about: ObjectRef, api_key: str, password: str, origin: Origin
) -> Credential:
    """Stored and recorded together or not at all. The record names fingerprints, never values."""
    credential = credential_reset(
        connection=connection, api_key=api_key, password=password, by=origin.actor_name
    )
    event_record(
        action="credential.tested",
        origin=origin,
        outcome="accepted",
        connection=connection.slug,
        object=about,
        message="accepted by the gateway",
    )
    event_record(
        action="credential.reset",
        origin=origin,
        outcome="accepted",
        connection=connection.slug,
        object=about,
        after={"version": credential.version, "fingerprint": credential.api_key_fingerprint},
    )
    return credential


def _failure(error: ProvisioningError) -> Failure:
    found = next((words for kind, words in _NEXT_STEPS.items() if isinstance(error, kind)), _OTHER)
    return Failure(*found, error)
