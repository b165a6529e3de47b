"""From a connection's name to an open client: the active credential unsealed for one call, and its use noted.

Called by `provisioning.service` alone. What stands in the way is found here, before anything is sent.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from provisioning.credentials.addresses import get_network_policy, validate_base_url
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import (
    CredentialMissingError,
    decrypt_credential,
    get_active_credential,
    get_connection,
    record_credential_use,
)
from provisioning.encryption import KeyringError
from provisioning.gateway import retry_after
from provisioning.gateway.client import GatewayClient
from provisioning.gateway.errors import ASKED_TO_WAIT, NotAuthorised, NotSent, ProvisioningError, Refused
from provisioning.gateway.requests import Call
from provisioning.gateway.responses import Answer

logger = logging.getLogger(__name__)
# Statuses of a refusal that is neither a yes nor a no to the credential: 403 is not documented.
SAYS_NOTHING = (403, 429)
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,50}")


def send_call(call: Call, *, connection: str) -> Answer:
    """Sends `call` with the active credential of `connection`. Raises NotSent, Refused or OutcomeUnknown.

    A paused connection is read-only: what would write is NotSent. While the gateway asked not to be called,
    nothing is sent at all.
    """
    with _logged(call, connection) as line:
        credential = _current(connection)
        if call.writes and credential.connection.is_paused:
            raise NotSent(
                f"The connection “{credential.connection.name}” is paused: it is read-only. Nothing was sent."
            )
        try:
            answer = _send(call, credential)
        except NotAuthorised as refusal:
            _note(credential, accepted=False, words=refusal.gateway_message or refusal.detail)
            raise
        except Refused as refusal:
            if refusal.http_status not in SAYS_NOTHING:
                _note(credential, accepted=True)
            raise
        _note(credential, accepted=True)
        line.accepted(answer)
        return answer


def send_test_call(call: Call, *, credential: Credential) -> Answer:
    """Sends a reading `call` with a stored credential that need not be the active one. Raises as call_send.

    What comes of it is not noted: it says nothing about the credential in use.
    """
    if call.writes:
        raise ValueError("A credential is tried with a read.")
    with _logged(call, credential.connection.slug) as line:
        answer = _send(call, credential)
        line.accepted(answer)
        return answer


def get_request_url(call: Call, *, connection: str) -> str:
    """The URL `call` would go to. Raises NotSent."""
    try:
        return call.address(_base_url(get_connection(connection)))
    except Connection.DoesNotExist:
        raise NotSent("This connection does not exist. Nothing was sent.") from None


@dataclass
class _Line:
    """What the log says of one call: names, numbers and ids, never a text of the gateway."""

    values: dict[str, Any] = field(default_factory=dict)

    def accepted(self, answer: Answer) -> None:
        """Fill in an accepted answer."""
        self.values |= {
            "outcome": "accepted",
            "http_status": answer.http_status,
            "duration_ms": answer.duration_ms,
            "gateway_request_id": answer.request_id,
        }

    def failed(self, error: ProvisioningError) -> None:
        """Fill in a failure."""
        outcome = "not_sent" if isinstance(error, NotSent) else "unknown"
        code = str(error.code or "")
        self.values |= {
            "outcome": "refused" if isinstance(error, Refused) else outcome,
            "http_status": error.http_status,
            "code": code if not code or _CODE.fullmatch(code) else "other",
            "duration_ms": error.duration_ms,
            "gateway_request_id": error.request_id,
        }


@contextmanager
def _logged(call: Call, connection: str) -> Iterator[_Line]:
    """Write one line about the call, however it ends."""
    line = _Line({"connection": connection, "operation": call.operation})
    try:
        yield line
    except ProvisioningError as error:
        line.failed(error)
        raise
    finally:
        known = line.values.get("outcome") in ("accepted", "refused")
        logger.log(logging.INFO if known else logging.WARNING, "gateway call", extra=line.values)


def _send(call: Call, credential: Credential) -> Answer:
    """Makes one exchange, unless the gateway asked not to be called yet, and remembers such a wish."""
    connection = credential.connection
    if connection.retry_at and connection.retry_at > timezone.now():
        words = retry_after.words(connection.retry_at, longer=False)
        raise NotSent(
            f"The gateway asked to wait before the next request. Nothing was sent. {words}",
            ASKED_TO_WAIT,
            retry_at=connection.retry_at,
        )
    try:
        return _client(credential).send(call)
    except ProvisioningError as error:
        if error.retry_at:
            _remember_wait(connection, error)
        raise


def _remember_wait(connection: Connection, error: ProvisioningError) -> None:
    # In the database, so that every process keeps to it. The outcome of the call must survive a failure here.
    try:
        Connection.objects.filter(pk=connection.pk).update(retry_at=error.retry_at)
    except Exception as failure:
        logger.warning("could not note when to call the gateway again: %s", type(failure).__name__)


def _current(slug: str) -> Credential:
    try:
        return get_active_credential(slug=slug)
    except CredentialMissingError:
        raise NotSent("No API key is stored for this connection. Nothing was sent.") from None
    except DatabaseError as error:
        raise NotSent(
            "The stored API key could not be read. Nothing was sent.", type(error).__name__
        ) from None


def _client(credential: Credential) -> GatewayClient:
    try:
        api_key, password = decrypt_credential(credential)
    except KeyringError as error:
        raise NotSent(f"The stored API key cannot be used. {error} Nothing was sent.") from None
    return GatewayClient(
        _base_url(credential.connection),
        api_key,
        password,
        deadline=settings.GATEWAY_TIMEOUT,
        ca_file=settings.GATEWAY_CA_FILE,
        reach=get_network_policy(),
    )


def _base_url(connection: Connection) -> str:
    # Checked again: the row may have been written past the form that checks it.
    try:
        return validate_base_url(connection.base_url)
    except ValueError as error:
        raise NotSent(f"The connection's address cannot be used. {error} Nothing was sent.") from None


def _note(credential: Credential, *, accepted: bool, words: str = "") -> None:
    # The exchange has happened: whatever fails now must not turn its outcome into an exception.
    try:
        record_credential_use(credential=credential, accepted=accepted, words=words)
    except Exception as error:
        logger.warning("could not note the use of credential %s: %s", credential.pk, type(error).__name__)
