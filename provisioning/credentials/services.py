"""Create and find connections; find and decrypt the active credential and store its use.

Auditing is the caller's business; the life of a credential's versions is in `credential_lifecycle`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from provisioning import encryption
from provisioning.credentials.credential_health import clear_suspect, mark_suspect
from provisioning.credentials.models import Connection, Credential
from provisioning.gateway.secrets import Sealed

# How stale last_success_at and last_failure_at may be: they are for people, not worth a write per read.
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """`paused`: read-only; `missing`: no credential; `suspect_since`: when the gateway began to reject it."""

    paused: bool
    missing: bool
    suspect_since: datetime | None

    @property
    def well(self) -> bool:
        """Whether the connection can be used."""
        return not (self.paused or self.missing or self.suspect_since)


class CredentialMissingError(LookupError):
    """The connection has no active credential."""


def create_connection(
    *,
    slug: str,
    name: str,
    base_url: str,
    kind: str = Connection.Kind.SANDBOX,
    colour: str = Connection.Colour.BLUE,
    tenant_guid: str = "",
    egress_addresses: str = "",
    remind_after_days: int = 90,
) -> Connection:
    """Create a connection without a credential. Raises ValidationError (slug taken, unsafe address)."""
    connection = Connection(
        slug=slug,
        name=name,
        base_url=base_url,
        kind=kind,
        colour=colour,
        tenant_guid=tenant_guid,
        egress_addresses=egress_addresses,
        remind_after_days=remind_after_days,
    )
    connection.full_clean()
    connection.save(force_insert=True)
    return connection


def get_connection(slug: str) -> Connection:
    """Return the connection with this slug. Raises Connection.DoesNotExist."""
    return Connection.objects.get(slug=slug)


def get_connection_status(connection: Connection) -> ConnectionStatus:
    """Return what prevents work with the connection. Needs one query."""
    active = connection.credentials.filter(state=Credential.State.ACTIVE).values_list(
        "suspect_since", flat=True
    )
    found = list(active)
    return ConnectionStatus(
        paused=connection.is_paused, missing=not found, suspect_since=found[0] if found else None
    )


def decrypt_active_credential(*, connection: Connection) -> tuple[Sealed, Sealed]:
    """Return the active API key and password, sealed. Raises CredentialMissingError or KeyringError."""
    return decrypt_credential(get_active_credential(slug=connection.slug))


def get_active_credential(*, slug: str) -> Credential:
    """Return the active credential with its connection, in one query. Raises CredentialMissingError.

    It is read for each call, so that all processes use a newly activated credential at once.
    """
    found = Credential.objects.select_related("connection").filter(
        connection__slug=slug, state=Credential.State.ACTIVE
    )
    for credential in found:
        return credential
    raise CredentialMissingError(f"Connection “{slug}” has no credential.")


def decrypt_credential(credential: Credential) -> tuple[Sealed, Sealed]:
    """Return the API key and password of a row, sealed. Nothing is cached. Raises KeyringError."""
    return (
        encryption.unseal(credential.sealed_api_key, context=credential.context("api_key")),
        encryption.unseal(credential.sealed_password, context=credential.context("password")),
    )


def record_credential_use(*, credential: Credential, accepted: bool, words: str = "") -> None:
    """Store when the gateway accepted or rejected the active credential, at most once a minute each.

    A rejection marks it as suspect; the next success clears the mark. `words` are the gateway's message.
    """
    if accepted and credential.suspect_since:
        clear_suspect(credential)
    elif not accepted and not credential.suspect_since:
        mark_suspect(credential, words)
    field = "last_success_at" if accepted else "last_failure_at"
    now = timezone.now()
    last = getattr(credential, field)
    if last is None or now - last >= NOTED_EVERY:
        with transaction.atomic():
            Credential.objects.filter(pk=credential.pk).update(**{field: now})
