"""Syslog as RFC 5424 says: over UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC 5425)."""

import json
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from portal.audit.forwarding.receivers import Line
from provisioning.gateway.transport import open_socket, resolve_host, seconds_left, tls_context

# Facility 13 is "log audit"; severity 4 is a warning, 6 information.
_FACILITY, _WARNING, _INFORMATION = 13, 4, 6
_UNREMARKABLE = {"", "accepted", "success"}
MOST_DATAGRAM = 8000
# The fields that a datagram omits if it is too long, in this order. Use TCP to receive all fields.
_LEFT_OUT = (
    "request", "answer", "before", "after", "sentence", "message", "object_name", "parent_name", "reason",
)  # fmt: skip
SECONDS_TO_CLOSE = 2.0


@dataclass(frozen=True)
class Syslog:
    """A syslog receiver. `transport` is udp, tcp or tls."""

    transport: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """syslog+tcp://host:port"""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"syslog+{self.transport}://{host}:{self.port}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Send each line as a message. Syslog acknowledges nothing; an interrupted batch is sent again."""
        if self.transport == "udp":
            self._datagrams(lines)
        else:
            self._stream(b"".join(_counted(message_of(line)) for line in lines))

    def _datagrams(self, lines: Sequence[Line]) -> None:
        family, *_, address = resolve_host(self.host, self.port)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.settimeout(seconds_left())
            sender.connect(address)
            for line in lines:
                sender.send(message_of(line, most=MOST_DATAGRAM))

    def _stream(self, data: bytes) -> None:
        with open_socket(resolve_host(self.host, self.port)) as plain, self._secured(plain) as sender:
            sender.sendall(data)
            # The receiver closes when it has read to the end; some never do, which is no failure.
            sender.settimeout(min(SECONDS_TO_CLOSE, seconds_left()))
            with suppress(TimeoutError, ssl.SSLError):
                _ended(sender)

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self.transport == "tcp":
            return plain
        context = tls_context(settings.AUDIT_FORWARD_CA_FILE)
        return context.wrap_socket(plain, server_hostname=self.host)


def message_of(line: Line, most: int | None = None) -> bytes:
    """Return the RFC 5424 message of a line, cut to the given number of bytes."""
    severity = _INFORMATION if line.outcome in _UNREMARKABLE else _WARNING
    header = " ".join([
        f"<{8 * _FACILITY + severity}>1", line.time.isoformat(timespec="microseconds"), _host(),
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


def _counted(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)


def _host() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name else "-"


def _ended(sender: Any) -> None:
    """End the stream and wait until the receiver closes it. A reset is an OSError."""
    if isinstance(sender, ssl.SSLSocket):
        sender.unwrap()
        return
    sender.shutdown(socket.SHUT_WR)
    while sender.recv(1024):
        pass
