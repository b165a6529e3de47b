"""Replace a stored credential step by step: store, test, activate, roll back, revoke.

Each step authorises again and records an audit event. It raises PermissionDenied, AuditUnavailable (nothing
was done then), and InvalidCredentialState if another user was faster.
"""

from functools import partial
from typing import Any

from django.db import transaction

from portal.audit.recording import AuditUnavailable, Origin, get_system_origin, record_event
from portal.changes.permissions import Person, authorise
from portal.connections.credential_diagnosis import Diagnosis, diagnose
from portal.connections.optimistic_lock import get_connection_ref, lock_connection
from provisioning.credentials import credential_lifecycle
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import record_credential_use
from provisioning.service import NotSent, OutcomeUnknown, ProvisioningError, probe_credential

RIGHT = "credential.reset"
_ONE_KEPT = "only the last replaced version is kept"
TIME_IS_OVER = get_system_origin("The time limit of replaced credentials")


def store_credential(
    *, user: Person, origin: Origin, connection: Connection, seen: str, api_key: str, password: str
) -> Credential:
    """Store a pair as a new version that is not in use. Raises ValueError (invalid text), KeyringError.

    `seen` is the digest of the connection that the user saw. Raises ChangedConcurrently if it differs now.
    The returned version keeps that connection's address for its test.
    """
    authorise(user=user, permission=RIGHT)
    with transaction.atomic():
        fresh = lock_connection(connection, seen=seen)
        taken = credential_lifecycle.add_credential(
            connection=fresh,
            api_key=api_key,
            password=password,
            by=origin.actor_name,
            destroyed=partial(_record_loss, origin, "another one was entered"),
        )
        _record("credential.entered", taken, origin, after=_facts(taken))
    return taken


def test_credential(*, user: Person, origin: Origin, credential: Credential) -> Diagnosis | None:
    """Test a version that was not in use yet. Return None if the gateway accepts it, otherwise why not."""
    authorise(user=user, permission=RIGHT)
    credential = credential_lifecycle.get_usable_credential(credential, *Credential.ON_ITS_WAY)
    finding = _probe(credential, origin)
    credential_lifecycle.record_test_result(credential=credential, problem=finding.name if finding else "")
    return finding


def activate_credential(*, user: Person, origin: Origin, credential: Credential) -> Credential:
    """Activate a tested version. All processes use it from their next call on."""
    authorise(user=user, permission=RIGHT)
    with transaction.atomic():
        active = credential_lifecycle.activate_credential(
            credential=credential,
            by=origin.actor_name,
            destroyed=partial(_record_loss, origin, _ONE_KEPT),
        )
        _record("credential.activated", active, origin, after=_facts(active))
    return active


def roll_back_credential(*, user: Person, origin: Origin, credential: Credential) -> Diagnosis | None:
    """Activate the previous version if the gateway still accepts it. Return None, or why it does not."""
    authorise(user=user, permission=RIGHT)
    credential = credential_lifecycle.get_usable_credential(credential, Credential.State.PREVIOUS)
    finding = _probe(credential, origin)
    if finding is None:
        with transaction.atomic():
            active = credential_lifecycle.roll_back_credential(
                credential=credential,
                by=origin.actor_name,
                destroyed=partial(_record_loss, origin, _ONE_KEPT),
            )
            _record("credential.rolled_back", active, origin, after=_facts(active))
    return finding


def revoke_credential(*, user: Person, origin: Origin, credential: Credential) -> Credential:
    """Delete the value of a version that is not in use."""
    authorise(user=user, permission=RIGHT)
    return _revoke(credential, origin)


def shut_down_connection(*, user: Person, origin: Origin, connection: Connection, reason: str) -> int:
    """In an emergency, pause the connection and delete all its stored values. Return how many versions."""
    authorise(user=user, permission=RIGHT)
    with transaction.atomic():
        stored = credential_lifecycle.revoke_all_credentials(connection=connection, by=origin.actor_name)
        paused = Connection.objects.filter(pk=connection.pk, is_paused=False).update(is_paused=True)
        about = get_connection_ref(connection)
        if paused:
            record_event(
                action="connection.paused",
                origin=origin,
                connection=connection.slug,
                object=about,
                before={"is_paused": False},
                after={"is_paused": True},
                reason=reason,
            )
        for credential in stored:
            _record("credential.revoked", credential, origin, after=_facts(credential), reason=reason)
    return len(stored)


def destroy_expired_credentials() -> int:
    """Delete the expired values of replaced and of never used versions. Return how many."""
    done = 0
    for credential in credential_lifecycle.find_expired_credentials():
        try:
            _revoke(credential, TIME_IS_OVER)
            done += 1
        except (credential_lifecycle.InvalidCredentialState, AuditUnavailable):
            continue  # Its state has just changed, or the event cannot be recorded: try again next time.
    return done


def _probe(credential: Credential, origin: Origin) -> Diagnosis | None:
    try:
        probe_credential(credential=credential)
    except ProvisioningError as error:
        finding = diagnose(error)
        if finding.accepted is not None:
            record_credential_use(
                credential=credential, accepted=finding.accepted, words=error.gateway_message
            )
        outcome = "unknown" if isinstance(error, OutcomeUnknown) else "refused"
        _record(
            "credential.tested",
            credential,
            origin,
            outcome="not_sent" if isinstance(error, NotSent) else outcome,
            code=str(error.code or ""),
            gateway_request_id=error.request_id,
            message=f"version {credential.version}: {finding.happened}",
            duration_ms=error.duration_ms,
        )
        return finding
    record_credential_use(credential=credential, accepted=True)
    _record(
        "credential.tested",
        credential,
        origin,
        outcome="accepted",
        message=f"version {credential.version} is accepted by the gateway",
    )
    return None


def _revoke(credential: Credential, origin: Origin) -> Credential:
    with transaction.atomic():
        revoked = credential_lifecycle.revoke_credential(credential=credential, by=origin.actor_name)
        _record("credential.revoked", revoked, origin, after=_facts(revoked))
    return revoked


def _record_loss(origin: Origin, why: str, credential: Credential) -> None:
    """Record that a step of another version deleted this one."""
    about = f"version {credential.version}, as {why}"
    _record("credential.revoked", credential, origin, after=_facts(credential), message=about)


def _facts(credential: Credential) -> dict[str, Any]:
    return {
        "version": credential.version,
        "api_key_fingerprint": credential.api_key_fingerprint,
        "password_fingerprint": credential.password_fingerprint,
    }


def _record(action: str, credential: Credential, origin: Origin, **values: Any) -> None:
    values.setdefault("message", f"version {credential.version}")
    connection = credential.connection
    record_event(
        action=action,
        origin=origin,
        connection=connection.slug,
        object=get_connection_ref(connection),
        **values,
    )
