"""From a connection's name to an open client: the active credential unsealed for one call, and its use noted.

Called by `provisioning.service` alone. What stands in the way is found here, before anything is sent.
"""

import logging

from django.conf import settings
from django.db import DatabaseError

from provisioning.connections.addresses import base_url_checked, gateway_reach
from provisioning.connections.models import Connection, Credential
from provisioning.connections.services import (
    CredentialMissingError,
    connection_named,
    credential_current,
    credential_note,
    credential_open,
)
from provisioning.gateway.answers import Answer
from provisioning.gateway.calls import Call
from provisioning.gateway.client import GatewayClient
from provisioning.gateway.errors import NotAuthorised, NotSent, Refused
from provisioning.keyring import KeyringError

logger = logging.getLogger(__name__)
FORBIDDEN = 403  # undocumented: neither a yes nor a no to the credential


def call_send(call: Call, *, connection: str) -> Answer:
    """Sends `call` with the active credential of `connection`. Raises NotSent, Refused or OutcomeUnknown.

    A paused connection is read-only: what would write is NotSent.
    """
    credential = _current(connection)
    if call.writes and credential.connection.is_paused:
        raise NotSent(
            f"The connection “{credential.connection.name}” is paused: it is read-only. Nothing was sent."
        )
    client = _client(credential)
    try:
        answer = client.send(call)
    except NotAuthorised as refusal:
        _note(credential, accepted=False, words=refusal.gateway_message or refusal.detail)
        raise
    except Refused as refusal:
        if refusal.http_status != FORBIDDEN:
            _note(credential, accepted=True)
        raise
    _note(credential, accepted=True)
    return answer


def call_try(call: Call, *, credential: Credential) -> Answer:
    """Sends a reading `call` with a stored credential that need not be the active one. Raises as call_send.

    What comes of it is not noted: it says nothing about the credential in use.
    """
    if call.writes:
        raise ValueError("A credential is tried with a read.")
    return _client(credential).send(call)


def address_of(call: Call, *, connection: str) -> str:
    """The URL `call` would go to. Raises NotSent."""
    try:
        return call.address(_base_url(connection_named(connection)))
    except Connection.DoesNotExist:
        raise NotSent("There is no such connection. Nothing was sent.") from None


def _current(slug: str) -> Credential:
    try:
        return credential_current(slug=slug)
    except CredentialMissingError:
        raise NotSent("No API key is stored for this connection. Nothing was sent.") from None
    except DatabaseError as error:
        raise NotSent(
            "The stored API key could not be read. Nothing was sent.", type(error).__name__
        ) from None


def _client(credential: Credential) -> GatewayClient:
    try:
        api_key, password = credential_open(credential)
    except KeyringError as error:
        raise NotSent(f"The stored API key cannot be used. {error} Nothing was sent.") from None
    return GatewayClient(
        _base_url(credential.connection),
        api_key,
        password,
        deadline=settings.GATEWAY_DEADLINE,
        ca_file=settings.GATEWAY_CA_FILE,
        reach=gateway_reach(),
    )


def _base_url(connection: Connection) -> str:
    # Checked again: the row may have been written past the form that checks it.
    try:
        return base_url_checked(connection.base_url)
    except ValueError as error:
        raise NotSent(f"The connection's address cannot be used. {error} Nothing was sent.") from None


def _note(credential: Credential, *, accepted: bool, words: str = "") -> None:
    # The exchange has happened: whatever fails now must not turn its outcome into an exception.
    try:
        credential_note(credential=credential, accepted=accepted, words=words)
    except Exception as error:
        logger.warning("could not note the use of credential %s: %s", credential.pk, type(error).__name__)
