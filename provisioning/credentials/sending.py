"""Send a call with a stored credential: decrypt it for this call, send, store whether it was accepted.

Called only by `provisioning.service`. Whatever prevents the call is found here, before anything is sent.
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
# A refusal with one of these statuses says nothing about the credential; 403 is not documented.
SAYS_NOTHING = (403, 429)
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,50}")


def send_call(call: Call, *, connection: str, url: str = "") -> Answer:
    """Send `call` with the active credential of `connection`. Raises NotSent, Refused or OutcomeUnknown.

    A paused connection is read-only: a write is NotSent. If `url` is given, a call to another URL is NotSent.
    Until the time that the gateway has asked to wait for, nothing is sent.
    """
    with _log_call(call, connection) as line:
        try:
            credential = get_active_credential(slug=connection)
        except CredentialMissingError:
            raise NotSent("No API key is stored for this connection. Nothing was sent.") from None
        except DatabaseError as error:
            reason = "The stored API key could not be read. Nothing was sent."
            raise NotSent(reason, type(error).__name__) from None
        if call.writes and credential.connection.is_paused:
            raise NotSent(
                f"The connection “{credential.connection.name}” is paused: it is read-only. Nothing was sent."
            )
        if url and call.address(_get_base_url(credential.connection)) != url:
            raise NotSent(
                "The address of this connection has changed since this change was prepared. Nothing was sent."
            )
        try:
            answer = _send(call, credential)
        except NotAuthorised as refusal:
            _record_use(credential, accepted=False, words=refusal.gateway_message or refusal.detail)
            raise
        except Refused as refusal:
            if refusal.http_status not in SAYS_NOTHING:
                _record_use(credential, accepted=True)
            raise
        _record_use(credential, accepted=True)
        line.record_answer(answer)
        return answer


def send_test_call(call: Call, *, credential: Credential) -> Answer:
    """Send a reading `call` with a stored credential, active or not. Raises as send_call.

    The result is not stored, because it says nothing about the active credential.
    """
    if call.writes:
        raise ValueError("A credential is tested with a read.")
    with _log_call(call, credential.connection.slug) as line:
        answer = _send(call, credential)
        line.record_answer(answer)
        return answer


def get_request_url(call: Call, *, connection: str) -> str:
    """Return the URL that `call` would be sent to. Raises NotSent."""
    try:
        return call.address(_get_base_url(get_connection(connection)))
    except Connection.DoesNotExist:
        raise NotSent("This connection does not exist. Nothing was sent.") from None


@dataclass
class _LogRecord:
    """The log record of one call: names, numbers and IDs, never a text from the gateway."""

    values: dict[str, Any] = field(default_factory=dict)

    def record_answer(self, answer: Answer) -> None:
        """Fill in an accepted answer."""
        self.values |= {
            "outcome": "accepted",
            "http_status": answer.http_status,
            "duration_ms": answer.duration_ms,
            "gateway_request_id": answer.request_id,
        }

    def record_failure(self, error: ProvisioningError) -> None:
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
def _log_call(call: Call, connection: str) -> Iterator[_LogRecord]:
    """Log the call, however it ends."""
    line = _LogRecord({"connection": connection, "operation": call.operation})
    try:
        yield line
    except ProvisioningError as error:
        line.record_failure(error)
        raise
    finally:
        known = line.values.get("outcome") in ("accepted", "refused")
        logger.log(logging.INFO if known else logging.WARNING, "gateway call", extra=line.values)


def _send(call: Call, credential: Credential) -> Answer:
    """Decrypt the credential and send `call`, unless the gateway has asked to wait."""
    connection = credential.connection
    if connection.retry_at and connection.retry_at > timezone.now():
        words = retry_after.words(connection.retry_at, longer=False)
        raise NotSent(
            f"The gateway asked to wait before the next request. {words} Nothing was sent.",
            ASKED_TO_WAIT,
            retry_at=connection.retry_at,
        )
    try:
        api_key, password = decrypt_credential(credential)
    except KeyringError as error:
        raise NotSent(f"The stored API key cannot be used. {error} Nothing was sent.") from None
    client = GatewayClient(
        _get_base_url(connection),
        api_key,
        password,
        deadline=settings.GATEWAY_TIMEOUT,
        ca_file=settings.GATEWAY_CA_FILE,
        network_policy=get_network_policy(),
    )
    try:
        return client.send(call)
    except ProvisioningError as error:
        if error.retry_at:
            # Stored in the database, so that all processes wait. A failure here must not hide the outcome.
            try:
                Connection.objects.filter(pk=connection.pk).update(retry_at=error.retry_at)
            except Exception as failure:
                logger.warning("could not note when to call the gateway again: %s", type(failure).__name__)
        raise


def _get_base_url(connection: Connection) -> str:
    # Checked again: the row may have been written past the form that checks it.
    try:
        return validate_base_url(connection.base_url)
    except ValueError as error:
        raise NotSent(f"The connection's address cannot be used. {error} Nothing was sent.") from None


def _record_use(credential: Credential, *, accepted: bool, words: str = "") -> None:
    # The exchange is over: a failure here must not hide its outcome.
    try:
        record_credential_use(credential=credential, accepted=accepted, words=words)
    except Exception as error:
        logger.warning("could not note the use of credential %s: %s", credential.pk, type(error).__name__)
