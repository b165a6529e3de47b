"""Making connections and resetting their credentials. Auditing these acts is the caller's business."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from provisioning import keyring
from provisioning.connections.models import Connection, Credential
from provisioning.gateway.secrets import Sealed

# How stale last_success_at and last_failure_at may be: they are for people, not worth a write per read.
NOTED_EVERY = timedelta(minutes=1)


class CredentialMissingError(LookupError):
    """The connection has no active credential."""


def connection_create(
    *,
    slug: str,
    name: str,
    base_url: str,
    kind: str = Connection.Kind.SANDBOX,
    colour: str = "blue",
    tenant_guid: str = "",
) -> Connection:
    """A new connection without credential. Raises ValidationError for a taken slug or an unsafe address."""
    connection = Connection(
        slug=slug, name=name, base_url=base_url, kind=kind, colour=colour, tenant_guid=tenant_guid
    )
    connection.full_clean()
    connection.save(force_insert=True)
    return connection


def connection_named(slug: str) -> Connection:
    """The connection with this slug. Raises Connection.DoesNotExist."""
    return Connection.objects.get(slug=slug)


@transaction.atomic
def credential_reset(*, connection: Connection, api_key: str, password: str, by: str) -> Credential:
    """Replaces the credential: the new version works at once in every worker, the old ones are gone.

    `by` is the name of the person, frozen into the row. Nothing is stripped or guessed: raises ValueError, in
    words for people and without the value, for what was pasted wrongly; KeyringError if it cannot be sealed.
    """
    credential_check(api_key=api_key, password=password)
    Connection.objects.select_for_update().get(pk=connection.pk)  # two resets at once queue up here
    earlier = Credential.objects.filter(connection=connection)
    version = (earlier.aggregate(highest=Max("version"))["highest"] or 0) + 1
    # A replaced secret is of no use to anyone but a thief: only its fingerprint stays.
    earlier.filter(state=Credential.State.PREVIOUS).update(state=Credential.State.REVOKED)
    earlier.filter(state=Credential.State.ACTIVE).update(state=Credential.State.PREVIOUS)
    earlier.update(sealed_api_key="", sealed_password="")
    return _sealed(Credential(connection=connection, version=version, created_by=by), api_key, password)


def credential_check(*, api_key: str, password: str) -> None:
    """Raises ValueError if the pair cannot have been copied correctly; the text never holds the value."""
    for label, value in (("API key", api_key), ("password", password)):
        if not value:
            raise ValueError(f"The {label} is empty.")
        if value != value.strip():
            raise ValueError(
                f"The {label} begins or ends with a blank or a line break. Copy it again without."
            )
        if not value.isprintable():
            raise ValueError(
                f"The {label} holds a line break or an invisible character. Copy it again without."
            )
        if len(value) > 500:
            raise ValueError(f"The {label} is longer than 500 characters.")
    if ":" in api_key:
        raise ValueError("The API key holds a colon, which basic authentication cannot carry.")


def credential_active(*, connection: Connection) -> tuple[Sealed, Sealed]:
    """The API key and password in use, sealed. Raises CredentialMissingError or KeyringError."""
    return credential_open(credential_current(slug=connection.slug))


def credential_current(*, slug: str) -> Credential:
    """The active credential with its connection, in one query. Raises CredentialMissingError."""
    found = Credential.objects.select_related("connection").filter(
        connection__slug=slug, state=Credential.State.ACTIVE
    )
    for credential in found:
        return credential
    raise CredentialMissingError(f"Connection “{slug}” has no credential.")


def credential_open(credential: Credential) -> tuple[Sealed, Sealed]:
    """Decrypts one credential row; nothing is kept. Raises KeyringError."""
    return (
        keyring.unseal(credential.sealed_api_key, context=credential.context("api_key")),
        keyring.unseal(credential.sealed_password, context=credential.context("password")),
    )


def credential_note(*, credential: Credential, accepted: bool) -> None:
    """Remembers that the gateway took or turned down the credential, at most once a minute each."""
    field = "last_success_at" if accepted else "last_failure_at"
    now = timezone.now()
    noted = getattr(credential, field)
    if noted is None or now - noted >= NOTED_EVERY:
        with transaction.atomic():
            Credential.objects.filter(pk=credential.pk).update(**{field: now})


def _sealed(credential: Credential, api_key: str, password: str) -> Credential:
    credential.sealed_api_key = keyring.seal(api_key, context=credential.context("api_key"))
    credential.sealed_password = keyring.seal(password, context=credential.context("password"))
    credential.api_key_fingerprint = keyring.fingerprint(api_key)
    credential.password_fingerprint = keyring.fingerprint(password)
    credential.save(force_insert=True)
    return credential
