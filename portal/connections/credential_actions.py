"""The steps of a credential's reset, each authorised again and on record: enter, test, use, go back, revoke.

Raises, besides what each step says: PermissionDenied, AuditUnavailable (nothing was done then), and
InvalidCredentialState if somebody else was faster.
"""

from functools import partial
from typing import Any

from django.db import transaction

from portal.audit.recording import AuditUnavailable, Origin, origin_system, record_event
from portal.changes.permissions import Person, authorise
from portal.connections.credential_diagnosis import Diagnosis, diagnose
from portal.connections.optimistic_lock import get_connection_ref, lock_connection
from provisioning.credentials import credential_lifecycle
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import record_credential_use
from provisioning.service import NotSent, OutcomeUnknown, ProvisioningError, probe_credential

RIGHT = "credential.reset"
_ONE_KEPT = "only the last replaced version is kept"
TIME_IS_OVER = origin_system("The time limit of replaced credentials")


def store_credential(
    *, user: Person, origin: Origin, connection: Connection, seen: str, api_key: str, password: str
) -> Credential:
    """Stores a pair as a version of its own, not yet in use. Raises ValueError (bad paste), KeyringError.

    `seen` is the digest of the connection for which the pair was entered: raises ChangedMeanwhile if it is
    another one now. The version returned keeps that address for its test.
    """
    authorise(user=user, permission=RIGHT)
    with transaction.atomic():
        fresh = lock_connection(connection, seen=seen)
        taken = credential_lifecycle.add_credential(
            connection=fresh,
            api_key=api_key,
            password=password,
            by=origin.actor_name,
            destroyed=partial(_pushed_out, origin, "another one was entered"),
        )
        _recorded("credential.entered", taken, origin, after=_facts(taken))
    return taken


def test_credential(*, user: Person, origin: Origin, credential: Credential) -> Diagnosis | None:
    """Tests a version that is on its way with harmless reads; None if the gateway took it, else why not."""
    authorise(user=user, permission=RIGHT)
    credential = credential_lifecycle.get_usable_credential(credential, *Credential.ON_ITS_WAY)
    finding = _tried(credential, origin)
    credential_lifecycle.record_test_result(credential=credential, problem=finding.name if finding else "")
    return finding


def activate_credential(*, user: Person, origin: Origin, credential: Credential) -> Credential:
    """Puts a tested version to use, in every worker from its next call on."""
    authorise(user=user, permission=RIGHT)
    with transaction.atomic():
        active = credential_lifecycle.activate_credential(
            credential=credential, by=origin.actor_name, destroyed=partial(_pushed_out, origin, _ONE_KEPT)
        )
        _recorded("credential.activated", active, origin, after=_facts(active))
    return active


def roll_back_credential(*, user: Person, origin: Origin, credential: Credential) -> Diagnosis | None:
    """Puts the previous version to use again, if the gateway still takes it; otherwise why not."""
    authorise(user=user, permission=RIGHT)
    credential = credential_lifecycle.get_usable_credential(credential, Credential.State.PREVIOUS)
    finding = _tried(credential, origin)
    if finding is None:
        with transaction.atomic():
            active = credential_lifecycle.roll_back_credential(
                credential=credential, by=origin.actor_name, destroyed=partial(_pushed_out, origin, _ONE_KEPT)
            )
            _recorded("credential.rolled_back", active, origin, after=_facts(active))
    return finding


def revoke_credential(*, user: Person, origin: Origin, credential: Credential) -> Credential:
    """Destroys the value of a version that is not in use."""
    authorise(user=user, permission=RIGHT)
    return _revoked(credential, origin)


def shut_down_connection(*, user: Person, origin: Origin, connection: Connection, reason: str) -> int:
    """The emergency: pauses the connection and destroys every stored value of it; how many versions."""
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
            _recorded("credential.revoked", credential, origin, after=_facts(credential), reason=reason)
    return len(stored)


def destroy_expired_credentials() -> int:
    """Destroys what was kept for going back, or entered and never used, for long enough; how many."""
    done = 0
    for credential in credential_lifecycle.find_expired_credentials():
        try:
            _revoked(credential, TIME_IS_OVER)
            done += 1
        except (credential_lifecycle.InvalidCredentialState, AuditUnavailable):
            continue  # somebody just did something with it, or it cannot be recorded now: the next time
    return done


def _tried(credential: Credential, origin: Origin) -> Diagnosis | None:
    try:
        probe_credential(credential=credential)
    except ProvisioningError as error:
        finding = diagnose(error)
        if finding.accepted is not None:
            record_credential_use(
                credential=credential, accepted=finding.accepted, words=error.gateway_message
            )
        _recorded(
            "credential.tested",
            credential,
            origin,
            outcome=_outcome(error),
            code=str(error.code or ""),
            gateway_request_id=error.request_id,
            message=f"version {credential.version}: {finding.happened}",
            duration_ms=error.duration_ms,
        )
        return finding
    record_credential_use(credential=credential, accepted=True)
    _recorded(
        "credential.tested",
        credential,
        origin,
        outcome="accepted",
        message=f"version {credential.version} is accepted by the gateway",
    )
    return None


def _revoked(credential: Credential, origin: Origin) -> Credential:
    with transaction.atomic():
        revoked = credential_lifecycle.revoke_credential(credential=credential, by=origin.actor_name)
        _recorded("credential.revoked", revoked, origin, after=_facts(revoked))
    return revoked


def _pushed_out(origin: Origin, why: str, credential: Credential) -> None:
    """Another version's step destroyed this one."""
    about = f"version {credential.version}, as {why}"
    _recorded("credential.revoked", credential, origin, after=_facts(credential), message=about)


def _outcome(error: ProvisioningError) -> str:
    if isinstance(error, NotSent):
        return "not_sent"
    return "unknown" if isinstance(error, OutcomeUnknown) else "refused"


def _facts(credential: Credential) -> dict[str, Any]:
    return {
        "version": credential.version,
        "api_key_fingerprint": credential.api_key_fingerprint,
        "password_fingerprint": credential.password_fingerprint,
    }


def _recorded(action: str, credential: Credential, origin: Origin, **values: Any) -> None:
    values.setdefault("message", f"version {credential.version}")
    connection = credential.connection
    record_event(
        action=action,
        origin=origin,
        connection=connection.slug,
        object=get_connection_ref(connection),
        **values,
    )
