"""A webhook: batches of lines by HTTPS POST, signed with their time. 2xx means delivered."""

import hmac
import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.audit.forwarding.receivers import Line, Undelivered
from provisioning.gateway.transport import DeadlineHTTPConnection, DeadlineHTTPSConnection, tls_context

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Webhook:
    """An HTTPS address. Its query may hold a token and is never shown."""

    address: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ImproperlyConfigured(f"The audit receiver at {parts.hostname} must use https.")
        if len(settings.AUDIT_FORWARD_SECRET) < SHORTEST_SECRET:
            raise ImproperlyConfigured(
                f"AUDIT_FORWARD_SECRET signs webhook deliveries and needs {SHORTEST_SECRET} characters "
                "or more."
            )

    @property
    def name(self) -> str:
        """The address; of its query a digest, enough to tell webhooks apart, too short to yield a token."""
        parts = urlsplit(self.address)
        left_out = f"?…{sha256(parts.query.encode()).hexdigest()[:8]}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}{parts.path}{left_out}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Post the lines as one body of JSON Lines."""
        parts = urlsplit(self.address)
        body = "".join(f"{line.text}\n" for line in lines).encode()
        connection = self._connection(str(parts.hostname), parts.port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body=body, headers=_headers(lines, body))
            status = connection.getresponse().status
        except http.client.HTTPException:
            raise Undelivered("The receiver's response could not be read.") from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise Undelivered(f"The receiver answered with HTTP status {status}.")

    def _connection(self, host: str, port: int | None) -> http.client.HTTPConnection:
        if self.address.startswith("https:"):
            context = tls_context(settings.AUDIT_FORWARD_CA_FILE)
            return DeadlineHTTPSConnection(host, port, ssl_context=context)
        return DeadlineHTTPConnection(host, port)


def _headers(lines: Sequence[Line], body: bytes) -> dict[str, str]:
    moment = str(int(time.time()))
    return {
        "Content-Type": "application/x-ndjson",
        "User-Agent": "provisioning-portal",
        "Connection": "close",
        "Portal-Batch": f"{lines[0].sequence}-{lines[-1].sequence}",
        "Portal-Timestamp": moment,
        "Portal-Signature": "v1=" + signature_of(settings.AUDIT_FORWARD_SECRET, moment, body),
    }


def signature_of(secret: str, moment: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of "<timestamp>.<body>" in hexadecimal, for the receiver to compare."""
    return hmac.digest(secret.encode(), moment.encode() + b"." + body, "sha256").hex()
