"""From a connection's name to an open client: the active credential unsealed for one call, and its use noted.

Called by `provisioning.service` alone. What stands in the way is found here, before anything is sent.
"""

import logging

from django.conf import settings
from django.db import DatabaseError

from provisioning.connections.addresses import base_url_checked
from provisioning.connections.models import Connection, Credential
from provisioning.connections.services import (
    CredentialMissingError,
    connection_named,
    credential_check,
    credential_current,
    credential_note,
    credential_open,
)
from provisioning.gateway.answers import Answer
from provisioning.gateway.calls import Call
from provisioning.gateway.client import GatewayClient
from provisioning.gateway.errors import NotAuthorised, NotSent, Refused
from provisioning.gateway.secrets import Sealed
from provisioning.keyring import KeyringError

logger = logging.getLogger(__name__)


def call_send(call: Call, *, connection: str) -> Answer:
    """Sends `call` with the active credential of `connection`. Raises NotSent, Refused or OutcomeUnknown."""
    client, credential = _opened(connection)
    try:
        answer = client.send(call)
    except NotAuthorised:
        _note(credential, accepted=False)
        raise
    except Refused:
        _note(credential, accepted=True)
        raise
    _note(credential, accepted=True)
    return answer


def call_try(call: Call, *, connection: str, api_key: str, password: str) -> Answer:
    """Sends `call` with a credential that is not stored. Raises as call_send; ValueError for a bad paste."""
    credential_check(api_key=api_key, password=password)
    try:
        return _client(connection_named(connection), Sealed(api_key), Sealed(password)).send(call)
    except Connection.DoesNotExist:
        raise NotSent("There is no such connection. Nothing was sent.") from None


def address_of(call: Call, *, connection: str) -> str:
    """The URL `call` would go to. Raises NotSent."""
    try:
        return call.address(_base_url(connection_named(connection)))
    except Connection.DoesNotExist:
        raise NotSent("There is no such connection. Nothing was sent.") from None


def _opened(slug: str) -> tuple[GatewayClient, Credential]:
    try:
        credential = credential_current(slug=slug)
        return _client(credential.connection, *credential_open(credential)), credential
    except CredentialMissingError:
        raise NotSent("No API key is stored for this connection. Nothing was sent.") from None
    except KeyringError as error:
        raise NotSent(f"The stored API key cannot be used. {error} Nothing was sent.") from None
    except DatabaseError as error:
        raise NotSent(
            "The stored API key could not be read. Nothing was sent.", type(error).__name__
        ) from None


def _client(connection: Connection, api_key: Sealed, password: Sealed) -> GatewayClient:
    if connection.is_paused:
        raise NotSent(f"The connection “{connection.name}” is paused. Nothing was sent.")
    base_url, deadline = _base_url(connection), settings.GATEWAY_DEADLINE
    return GatewayClient(base_url, api_key, password, deadline=deadline, ca_file=settings.GATEWAY_CA_FILE)


def _base_url(connection: Connection) -> str:
    # Checked again: the row may have been written past the form that checks it.
    try:
        return base_url_checked(connection.base_url, loopback_http=not settings.PRODUCTION)
    except ValueError as error:
        raise NotSent(f"The connection's address cannot be used. {error} Nothing was sent.") from None


def _note(credential: Credential, *, accepted: bool) -> None:
    # The exchange has happened: a database that fails now must not turn its outcome into an exception.
    try:
        credential_note(credential=credential, accepted=accepted)
    except DatabaseError as error:
        logger.warning("could not note the use of credential %s: %s", credential.pk, type(error).__name__)
