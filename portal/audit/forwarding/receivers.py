"""Receivers of events and anchors: standard output, a file, mail, syslog and a webhook.

The settings name them by address: `stdout`, `file:/path`, `syslog+udp://`, `syslog+tcp://`,
`syslog+tls://host:port`, `https://…`, `mailto:…`. A wrong address stops the portal from starting.
"""

import hmac
import http.client
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from smtplib import SMTPException
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection

from provisioning.gateway.transport import (
    DeadlineHTTPConnection,
    DeadlineHTTPSConnection,
    NeverSentError,
    deadline,
    open_socket,
    resolve_host,
    seconds_left,
    tls_context,
)

DEADLINE = 15.0
LONGEST_ADDRESS = 200
# Facility 13 is "log audit"; severity 4 is a warning, 6 information.
_FACILITY, _WARNING, _INFORMATION = 13, 4, 6
_UNREMARKABLE = {"", "accepted", "success"}
MAX_DATAGRAM = 8000
# The fields that a datagram omits if it is too long, in this order. Use TCP to receive all fields.
_LEFT_OUT = (
    "request", "answer", "before", "after", "sentence", "message", "object_name", "parent_name", "reason",
)  # fmt: skip
SECONDS_TO_CLOSE = 2.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SHORTEST_SECRET = 16
_MAIL_TEXT = """The end of the portal's audit trail, as JSON lines sealed by the portal:

{lines}

Keep this email. To compare a line with the trail, now or in years:

    python manage.py verify_audit --anchor '<line>'
"""


class Undelivered(Exception):  # noqa: N818 - reads as what happened
    """The receiver did not accept the lines. The text is for people and holds no secret."""


@dataclass(frozen=True)
class Line:
    """One event or anchor. `kind` is an action code or "audit.anchor"; `values` become JSON."""

    sequence: int
    time: datetime
    kind: str
    outcome: str
    values: dict[str, Any]

    @property
    def text(self) -> str:
        """Return JSON on one line, in ASCII: no receiver can split it or misread its encoding."""
        return json.dumps(self.values)


class Receiver(Protocol):
    """Takes lines, all of them or none as far as it knows."""

    @property
    def name(self) -> str:
        """Return the address without possible secrets. The progress is stored under this name."""

    def deliver(self, lines: Sequence[Line]) -> None:
        """Return when the lines were accepted. Raises Undelivered or OSError to get them again."""


def parse_receiver(address: str) -> Receiver:
    """Return the receiver at `address`. Raises ImproperlyConfigured without quoting possible secrets."""
    if address == "stdout":
        return StandardOutput()
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("The address of a receiver of audit events cannot be read.") from None
    if parts.username or parts.password or port == 0:
        raise ImproperlyConfigured(
            f"The audit receiver at {parts.hostname} must be given without user, password and port 0."
        )
    if len(address) > LONGEST_ADDRESS:
        raise ImproperlyConfigured(f"A receiver's address is longer than {LONGEST_ADDRESS} characters.")
    if parts.scheme == "file" and Path(parts.path).is_absolute() and not parts.netloc:
        return AppendedFile(Path(parts.path))
    if parts.scheme == "mailto" and "@" in parts.path:
        return Mail(parts.path)
    if parts.scheme in ("syslog+udp", "syslog+tcp", "syslog+tls") and parts.hostname:
        default = 6514 if parts.scheme == "syslog+tls" else 514
        return Syslog(parts.scheme.removeprefix("syslog+"), parts.hostname, port or default)
    if parts.scheme in ("https", "http") and parts.hostname:
        return Webhook(address)
    raise ImproperlyConfigured(f"“{parts.scheme}:” is not a supported receiver of audit events.")


def deliver_lines(receiver: Receiver, lines: Sequence[Line]) -> None:
    """Deliver the lines within one deadline. Raises Undelivered for any failure."""
    try:
        with deadline(DEADLINE):
            receiver.deliver(lines)
    except Undelivered:
        raise
    except NeverSentError as error:
        raise Undelivered(str(error).replace("gateway", "receiver")) from None
    except TimeoutError:
        raise Undelivered(f"The receiver did not accept the lines within {DEADLINE:.0f} seconds.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Undelivered(f"The receiver cannot be reached: {reason}.") from None


@dataclass(frozen=True)
class StandardOutput:
    """The standard output of the worker, which containers collect."""

    name: str = "stdout"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Write the lines to standard output."""
        sys.stdout.write("".join(f"{line.text}\n" for line in lines))
        sys.stdout.flush()


@dataclass(frozen=True)
class AppendedFile:
    """A file that is opened for each batch, so that it can be rotated at any time."""

    path: Path

    @property
    def name(self) -> str:
        """Return for example file:/var/log/audit.jsonl."""
        return f"file:{self.path}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Append the lines and flush them to disk. Lines cut short by a full disk are removed."""
        data = "".join(f"{line.text}\n" for line in lines).encode()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(file).st_size
            try:
                written = os.write(file, data)
                if written != len(data):
                    raise Undelivered("The disk is full.")
                os.fsync(file)
            except (OSError, Undelivered):
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)


@dataclass(frozen=True)
class Mail:
    """A mailbox for anchors, ideally one that no administrator of the portal can change."""

    address: str

    def __post_init__(self) -> None:
        if not settings.MAIL_ON:
            raise ImproperlyConfigured("To send anchors by email, set the mail server in EMAIL_URL.")

    @property
    def name(self) -> str:
        """Return for example mailto:security@example.com."""
        return f"mailto:{self.address}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Send one mail with all lines."""
        text = _MAIL_TEXT.format(lines="\n".join(line.text for line in lines))
        subject = f"Audit trail anchored at row {lines[-1].sequence}"
        try:
            EmailMessage(subject, text, to=[self.address], connection=get_connection(timeout=DEADLINE)).send()
        except SMTPException as error:
            raise Undelivered(f"The mail server refused the email ({type(error).__name__}).") from None


@dataclass(frozen=True)
class Syslog:
    """A receiver of RFC 5424 messages. `transport` is udp, tcp or tls.

    UDP follows RFC 5426, TCP the octet counting of RFC 6587, TLS RFC 5425.
    """

    transport: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """Return for example syslog+tcp://siem.example.com:514."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"syslog+{self.transport}://{host}:{self.port}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Send each line as a message. Syslog acknowledges nothing; an interrupted batch is sent again."""
        if self.transport == "udp":
            family, *_, address = resolve_host(self.host, self.port)[0]
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.settimeout(seconds_left())
                sender.connect(address)
                for line in lines:
                    sender.send(message_of(line, most=MAX_DATAGRAM))
            return
        messages = [message_of(line) for line in lines]
        data = b"".join(b"%d %b" % (len(message), message) for message in messages)
        with open_socket(resolve_host(self.host, self.port)) as plain:
            if self.transport == "tcp":
                self._send_stream(plain, data)
                return
            context = tls_context(settings.AUDIT_FORWARD_CA_FILE)
            with context.wrap_socket(plain, server_hostname=self.host) as secured:
                self._send_stream(secured, data)

    def _send_stream(self, sender: socket.socket, data: bytes) -> None:
        """Send the data, end the stream and wait until the receiver closes it. A reset is an OSError."""
        sender.sendall(data)
        # The receiver closes when it has read to the end; some never do, which is no failure.
        sender.settimeout(min(SECONDS_TO_CLOSE, seconds_left()))
        with suppress(TimeoutError, ssl.SSLError):
            if isinstance(sender, ssl.SSLSocket):
                sender.unwrap()
                return
            sender.shutdown(socket.SHUT_WR)
            while sender.recv(1024):
                pass


def message_of(line: Line, most: int | None = None) -> bytes:
    """Return the RFC 5424 message of a line, cut to the given number of bytes."""
    severity = _INFORMATION if line.outcome in _UNREMARKABLE else _WARNING
    host = socket.gethostname()
    header = " ".join([
        f"<{8 * _FACILITY + severity}>1", line.time.isoformat(timespec="microseconds"),
        host if host.isascii() and host.isprintable() and " " not in host else "-",
        "provisioning-portal", "-", line.kind[:32], "-",
    ])  # fmt: skip
    values = dict(line.values)
    message = f"{header} {json.dumps(values)}".encode()
    for name in _LEFT_OUT:
        if most is None or len(message) <= most:
            break
        if values.get(name) is not None:
            values |= {name: None, "left_out": [*values.get("left_out", []), name]}
            message = f"{header} {json.dumps(values)}".encode()
    return message


@dataclass(frozen=True)
class Webhook:
    """An HTTPS address that gets batches by POST, signed with their time; 2xx means delivered.

    Its query may hold a token and is never shown.
    """

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
        """Return the address with a digest of its query.

        The digest is enough to tell webhooks apart and too short to yield a token.
        """
        parts = urlsplit(self.address)
        left_out = f"?…{sha256(parts.query.encode()).hexdigest()[:8]}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}{parts.path}{left_out}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Post the lines as one body of JSON Lines."""
        parts = urlsplit(self.address)
        body = "".join(f"{line.text}\n" for line in lines).encode()
        moment = str(int(time.time()))
        headers = {
            "Content-Type": "application/x-ndjson",
            "User-Agent": "provisioning-portal",
            "Connection": "close",
            "Portal-Batch": f"{lines[0].sequence}-{lines[-1].sequence}",
            "Portal-Timestamp": moment,
            "Portal-Signature": "v1=" + signature_of(settings.AUDIT_FORWARD_SECRET, moment, body),
        }
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = tls_context(settings.AUDIT_FORWARD_CA_FILE)
            connection = DeadlineHTTPSConnection(str(parts.hostname), parts.port, ssl_context=context)
        else:
            connection = DeadlineHTTPConnection(str(parts.hostname), parts.port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body=body, headers=headers)
            status = connection.getresponse().status
        except http.client.HTTPException:
            raise Undelivered("The receiver's response could not be read.") from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise Undelivered(f"The receiver answered with HTTP status {status}.")


def signature_of(secret: str, moment: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of "<timestamp>.<body>" in hexadecimal, for the receiver to compare."""
    return hmac.digest(secret.encode(), moment.encode() + b"." + body, "sha256").hex()
