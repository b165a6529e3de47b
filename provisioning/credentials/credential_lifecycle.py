"""The life of a credential's versions: entered, tested, activated, gone back to, revoked.

Called by portal.connections, which audits. Every step locks its connection's row first, so steps at the same
time queue up and each finds what the one before left. Nothing here speaks to the gateway.
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
# Told, in the step's transaction, of each version that the step destroys to make room.
Destroyed = Callable[[Credential], None]


class InvalidCredentialState(Exception):  # noqa: N818 - reads as what happened
    """The version is not in a state in which this can be done; the text says so, for people."""


def _untold(_: Credential) -> None:
    """For programs that keep no record."""


def validate_credential(*, api_key: str, password: str) -> None:
    """Raises ValueError if the pair cannot have been copied correctly; the text never holds the value."""
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
    *, connection: Connection, api_key: str, password: str, by: str, destroyed: Destroyed = _untold
) -> Credential:
    """Stores a new version, sealed and not in use; one that was on its way before is revoked.

    `by` is the name of the person, frozen into the row. Nothing is stripped or guessed: raises ValueError, in
    words for people and without the value, for what was pasted wrongly; KeyringError if it cannot be sealed.
    """
    validate_credential(api_key=api_key, password=password)
    _locked(connection)
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
    """Remembers a test of a version that is on its way: "" is a success. Raises InvalidCredentialState."""
    fresh = _fresh(credential, *Credential.ON_ITS_WAY)
    fresh.state = State.NEW if problem else State.TESTED
    fresh.tested_at, fresh.test_problem = timezone.now(), problem
    fresh.save(update_fields=["state", "tested_at", "test_problem"])
    return fresh


@transaction.atomic
def activate_credential(*, credential: Credential, by: str, destroyed: Destroyed = _untold) -> Credential:
    """Puts a tested version to use in every worker at once; the one in use becomes the previous one.

    A previous one from before is revoked. Raises InvalidCredentialState unless it was tested, and in time.
    """
    return _in_use(get_usable_credential(credential, State.TESTED), by, destroyed)


@transaction.atomic
def roll_back_credential(*, credential: Credential, by: str, destroyed: Destroyed = _untold) -> Credential:
    """Activate the previous version again; it and the active one change places.

    Raises InvalidCredentialState.
    """
    return _in_use(get_usable_credential(credential, State.PREVIOUS), by, destroyed)


@transaction.atomic
def get_usable_credential(credential: Credential, *states: str) -> Credential:
    """The row as it is now, to be asked for before its value goes anywhere.

    Raises InvalidCredentialState if its state is another, or its time is over though nobody destroyed it yet.
    """
    fresh = _fresh(credential, *states)
    if get_expiry(fresh) <= timezone.now():
        hours = settings.CREDENTIAL_ROLLBACK_HOURS
        raise InvalidCredentialState(
            f"Version {fresh.version} expired after {hours} hours and can no longer be used."
        )
    return fresh


@transaction.atomic
def revoke_credential(*, credential: Credential, by: str) -> Credential:
    """Destroys the value of a version that is not in use. Raises InvalidCredentialState."""
    fresh = _fresh(credential, State.PREVIOUS, *Credential.ON_ITS_WAY)
    _destroy(fresh, by)
    return fresh


@transaction.atomic
def revoke_all_credentials(*, connection: Connection, by: str) -> list[Credential]:
    """Destroys every stored value of the connection, the one in use as well; returns whose."""
    _locked(connection)
    stored = list(_versions(connection, State.ACTIVE, State.PREVIOUS, *Credential.ON_ITS_WAY))
    for credential in stored:
        _destroy(credential, by)
    return stored


def find_expired_credentials() -> list[Credential]:
    """Previous versions, and ones that never were activated, that have been kept for long enough."""
    before = timezone.now() - timedelta(hours=settings.CREDENTIAL_ROLLBACK_HOURS)
    previous = Q(state=State.PREVIOUS, replaced_at__lte=before)
    waiting = Q(state__in=Credential.ON_ITS_WAY, created_at__lte=before)
    return list(Credential.objects.select_related("connection").filter(previous | waiting))


def replace_credential(*, connection: Connection, api_key: str, password: str, by: str) -> Credential:
    """Enters a pair and puts it to use untested, for programs that know it. Raises as add_credential."""
    with transaction.atomic():
        credential = add_credential(connection=connection, api_key=api_key, password=password, by=by)
        return _in_use(record_test_result(credential=credential, problem=""), by, _untold)


def get_expiry(credential: Credential) -> datetime:
    """When the value of a version that is not in use is destroyed."""
    begun = credential.replaced_at if credential.state == State.PREVIOUS else credential.created_at
    return (begun or credential.created_at) + timedelta(hours=settings.CREDENTIAL_ROLLBACK_HOURS)


def _locked(connection: Connection) -> None:
    Connection.objects.select_for_update().get(pk=connection.pk)


def _versions(connection: Connection, *states: str) -> list[Credential]:
    return list(
        Credential.objects.select_related("connection").filter(connection=connection, state__in=states)
    )


def _fresh(credential: Credential, *states: str) -> Credential:
    """The row as it is now, its connection locked. Raises InvalidCredentialState if its state is another."""
    _locked(credential.connection)
    fresh = Credential.objects.select_related("connection").get(pk=credential.pk)
    if fresh.state not in states:
        told = f"Version {fresh.version} is now “{fresh.get_state_display().lower()}”."
        others = _versions(fresh.connection, *Credential.ON_ITS_WAY)
        told += "".join(
            f" {other.created_by} has entered version {other.version} in the meantime." for other in others
        )
        raise InvalidCredentialState(told)
    return fresh


def _in_use(fresh: Credential, by: str, destroyed: Destroyed) -> Credential:
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
    if fresh.activated_at is None:  # a password that comes back is as old as it was
        fresh.activated_at, fresh.activated_by = now, by
    fresh.state, fresh.replaced_at = State.ACTIVE, None
    fresh.save(update_fields=["state", "activated_at", "activated_by", "replaced_at"])
    return fresh


def _destroy(credential: Credential, by: str) -> None:
    """A secret that is not needed any more is of use to a thief alone: only its fingerprint stays."""
    credential.state, credential.revoked_at, credential.revoked_by = State.REVOKED, timezone.now(), by
    credential.sealed_api_key = credential.sealed_password = credential.suspect_words = ""
    credential.suspect_since = None
    credential.save()
