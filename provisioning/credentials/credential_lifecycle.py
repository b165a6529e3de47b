"""The versions of a credential: add, test, activate, roll back, revoke.

Callers record the audit events. Each step first locks the row of its connection, so
concurrent steps run one after the other. Nothing here calls the gateway.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from provisioning import encryption
from provisioning.credentials.models import Connection, Credential

State = Credential.State
# Called in the step's transaction for each version that the step deletes.
Destroyed = Callable[[Credential], None]


class InvalidCredentialState(Exception):  # noqa: N818 - reads as what happened
    """The step is not possible in the state of the version. The text explains it to users."""


def _ignore(_: Credential) -> None:
    """Do nothing: for programs that record no audit events."""


def validate_credential(*, api_key: str, password: str) -> None:
    """Raise ValueError if the pair cannot have been copied correctly. The text never contains the value."""
    for label, value in (("API key", api_key), ("password", password)):
        if not value:
            raise ValueError(f"The {label} is empty.")
        if value != value.strip():
            raise ValueError(
                f"The {label} begins or ends with a space or a line break. Copy it again without it."
            )
        if not value.isprintable():
            raise ValueError(
                f"The {label} contains a line break or an invisible character. Copy it again without it."
            )
        if len(value) > 500:
            raise ValueError(f"The {label} is longer than 500 characters.")
    if ":" in api_key:
        raise ValueError("The API key contains a colon, which basic authentication does not allow.")


@transaction.atomic
def add_credential(
    *, connection: Connection, api_key: str, password: str, by: str, destroyed: Destroyed = _ignore
) -> Credential:
    """Store a new version, encrypted and not active. A version that waits for activation is revoked.

    `by` is the name of the user, stored as it is now. Nothing is stripped or corrected: raises ValueError
    (a text for users, without the value) if the pair was pasted wrongly, KeyringError if it cannot be
    encrypted.
    """
    validate_credential(api_key=api_key, password=password)
    _lock(connection)
    for waiting in _versions(connection, *Credential.ON_ITS_WAY):
        _destroy(waiting, by)
        destroyed(waiting)
    highest = Credential.objects.filter(connection=connection).aggregate(highest=Max("version"))["highest"]
    credential = Credential(connection=connection, version=(highest or 0) + 1, state=State.NEW, created_by=by)
    credential.sealed_api_key = encryption.seal(api_key, context=credential.context("api_key"))
    credential.sealed_password = encryption.seal(password, context=credential.context("password"))
    credential.api_key_fingerprint = encryption.fingerprint(api_key)
    credential.password_fingerprint = encryption.fingerprint(password)
    credential.save(force_insert=True)
    return credential


@transaction.atomic
def record_test_result(*, credential: Credential, problem: str) -> Credential:
    """Store the result of a test; an empty `problem` is a success. Raises InvalidCredentialState."""
    fresh = _get_current(credential, *Credential.ON_ITS_WAY)
    fresh.state = State.NEW if problem else State.TESTED
    fresh.tested_at, fresh.test_problem = timezone.now(), problem
    fresh.save(update_fields=["state", "tested_at", "test_problem"])
    return fresh


@transaction.atomic
def activate_credential(*, credential: Credential, by: str, destroyed: Destroyed = _ignore) -> Credential:
    """Activate a tested version in all processes at once. The active version becomes the previous one.

    An older previous version is revoked. Raises InvalidCredentialState if it was not tested or has expired.
    """
    return _activate(get_usable_credential(credential, State.TESTED), by, destroyed)


@transaction.atomic
def roll_back_credential(*, credential: Credential, by: str, destroyed: Destroyed = _ignore) -> Credential:
    """Activate the previous version again; the active one becomes the previous one.

    Raises InvalidCredentialState.
    """
    return _activate(get_usable_credential(credential, State.PREVIOUS), by, destroyed)


@transaction.atomic
def get_usable_credential(credential: Credential, *states: str) -> Credential:
    """Return the row as it is now. Call this before the value of the version is used.

    Raises InvalidCredentialState if it is in another state, or has expired even if it has not been deleted
    yet.
    """
    fresh = _get_current(credential, *states)
    if get_expiry(fresh) <= timezone.now():
        hours = settings.CREDENTIAL_ROLLBACK_HOURS
        raise InvalidCredentialState(
            f"Version {fresh.version} expired after {hours} hours and can no longer be used."
        )
    return fresh


@transaction.atomic
def revoke_credential(*, credential: Credential, by: str) -> Credential:
    """Delete the value of a version that is not active. Raises InvalidCredentialState."""
    fresh = _get_current(credential, State.PREVIOUS, *Credential.ON_ITS_WAY)
    _destroy(fresh, by)
    return fresh


@transaction.atomic
def revoke_all_credentials(*, connection: Connection, by: str) -> list[Credential]:
    """Delete all stored values of the connection, the active one included. Return their versions."""
    _lock(connection)
    stored = list(_versions(connection, State.ACTIVE, State.PREVIOUS, *Credential.ON_ITS_WAY))
    for credential in stored:
        _destroy(credential, by)
    return stored


def find_expired_credentials() -> list[Credential]:
    """Return the previous versions and the versions never activated that have expired."""
    before = timezone.now() - timedelta(hours=settings.CREDENTIAL_ROLLBACK_HOURS)
    previous = Q(state=State.PREVIOUS, replaced_at__lte=before)
    waiting = Q(state__in=Credential.ON_ITS_WAY, created_at__lte=before)
    return list(Credential.objects.select_related("connection").filter(previous | waiting))


def replace_credential(*, connection: Connection, api_key: str, password: str, by: str) -> Credential:
    """Add a pair and activate it without a test, for programs. Raises as add_credential."""
    with transaction.atomic():
        credential = add_credential(connection=connection, api_key=api_key, password=password, by=by)
        return _activate(record_test_result(credential=credential, problem=""), by, _ignore)


def get_expiry(credential: Credential) -> datetime:
    """Return when the value of a version that is not active is deleted."""
    begun = credential.replaced_at if credential.state == State.PREVIOUS else credential.created_at
    return (begun or credential.created_at) + timedelta(hours=settings.CREDENTIAL_ROLLBACK_HOURS)


def _lock(connection: Connection) -> None:
    Connection.objects.select_for_update().get(pk=connection.pk)


def _versions(connection: Connection, *states: str) -> list[Credential]:
    return list(
        Credential.objects.select_related("connection").filter(connection=connection, state__in=states)
    )


def _get_current(credential: Credential, *states: str) -> Credential:
    """Lock the connection and return the row as it is now. Raises InvalidCredentialState."""
    _lock(credential.connection)
    fresh = Credential.objects.select_related("connection").get(pk=credential.pk)
    if fresh.state not in states:
        text = f"Version {fresh.version} is now “{fresh.get_state_display().lower()}”."
        others = _versions(fresh.connection, *Credential.ON_ITS_WAY)
        text += "".join(
            f" {other.created_by} has entered version {other.version} in the meantime." for other in others
        )
        raise InvalidCredentialState(text)
    return fresh


def _activate(fresh: Credential, by: str, destroyed: Destroyed) -> Credential:
    now = timezone.now()
    for previous in _versions(fresh.connection, State.PREVIOUS):
        if previous.pk != fresh.pk:
            _destroy(previous, by)
            destroyed(previous)
    for active in _versions(fresh.connection, State.ACTIVE):
        active.state, active.replaced_at, active.suspect_since, active.suspect_words = (
            State.PREVIOUS,
            now,
            None,
            "",
        )
        active.save(update_fields=["state", "replaced_at", "suspect_since", "suspect_words"])
    if fresh.activated_at is None:  # The age of a restored credential counts from its first activation.
        fresh.activated_at, fresh.activated_by = now, by
    fresh.state, fresh.replaced_at = State.ACTIVE, None
    fresh.save(update_fields=["state", "activated_at", "activated_by", "replaced_at"])
    return fresh


def _destroy(credential: Credential, by: str) -> None:
    """Delete the value; only its fingerprint stays."""
    credential.state, credential.revoked_at, credential.revoked_by = State.REVOKED, timezone.now(), by
    credential.sealed_api_key = credential.sealed_password = credential.suspect_words = ""
    credential.suspect_since = None
    credential.save()
