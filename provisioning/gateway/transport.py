"""Connections to the gateway that keep one wall-clock deadline, from name look-up to the last byte.

The timeouts of requests and urllib3 count per socket operation, so an answer that drips outlives them. Here
every operation of the socket gets only what is left of the deadline. Used by `client`, and by portal.audit
for what it tells the outside.
"""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from provisioning.gateway.network_policy import NetworkPolicy

Found = tuple[Any, ...]  # as socket.getaddrinfo finds it


class NeverSentError(Exception):
    """The connection was not made, so no byte of the request left. The text is for people.

    `cause` is one of "name", "name_slow", "private", "refused", "unreachable", "connect_slow", "certificate",
    "tls", "tls_slow". Not an OSError on purpose: urllib3 and requests would wrap it and lose the distinction.
    """

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text)
        self.cause = cause


_deadline: ContextVar[float] = ContextVar("gateway deadline, on the monotonic clock")
_network_policy: ContextVar[NetworkPolicy | None] = ContextVar("where a gateway may be", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit everything on the network inside to `seconds`; later operations raise TimeoutError."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def use_network_policy(policy: NetworkPolicy) -> Iterator[None]:
    """Restrict new connections inside to what `policy` allows; others raise NeverSentError."""
    token = _network_policy.set(policy)
    try:
        yield
    finally:
        _network_policy.reset(token)


def time_is_up() -> bool:
    """Return whether nothing is left of the deadline."""
    return _deadline.get() <= time.monotonic()


def seconds_left() -> float:
    """Return what is left of the deadline. Raises TimeoutError when nothing is."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("deadline passed")
    return left


class DeadlineSocket(socket.socket):
    """A TCP socket whose every operation may last as long as the deadline leaves, and no longer."""

    def recv_into(self, *args: Any) -> int:
        """Read like socket.recv_into, the only method through which http.client reads."""
        self.settimeout(seconds_left())
        return super().recv_into(*args)

    def sendall(self, *args: Any) -> None:
        """Send like socket.sendall, whose timeout already covers all data."""
        self.settimeout(seconds_left())
        super().sendall(*args)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *args: Any) -> int:
        """Read like SSLSocket.recv_into, within the deadline."""
        self.settimeout(seconds_left())
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        """Send like SSLSocket.send, which sendall calls repeatedly."""
        self.settimeout(seconds_left())
        return super().send(*args)


@lru_cache(maxsize=4)
def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """Verify certificate and host name, always, against `ca_file` or certifi's list.

    Built by hand: ssl.create_default_context obeys SSL_CERT_FILE and SSLKEYLOGFILE of the environment.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca_file or certifi.where())
    context.sslsocket_class = DeadlineTLSSocket
    return context


class _Connecting:
    """How both kinds of connection find the gateway; mixed in before urllib3's classes."""

    host: str
    port: int

    def _new_conn(self) -> socket.socket:
        policy = _network_policy.get()
        allowed = [
            entry
            for entry in resolve_host(self.host, self.port)
            if policy is None or policy.allows(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]))
        ]
        # The owner of the gateway's name can point it into the portal's own network.
        if not allowed:
            raise NeverSentError(
                "The gateway's name leads to an address inside a private network.", "private"
            )
        return open_socket(allowed)


class DeadlineHTTPConnection(_Connecting, HTTPConnection):
    """http, for the loopback address only."""


class DeadlineHTTPSConnection(_Connecting, HTTPSConnection):
    """An HTTPS connection that distinguishes a failed handshake from a failed exchange."""

    def connect(self) -> None:
        """Raise NeverSentError if the handshake fails: the request is written only after it."""
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            raise NeverSentError(
                f"The gateway's certificate was not accepted: {str(error.verify_message).rstrip('.')}.",
                "certificate",
            ) from None
        except ssl.SSLError as error:
            raise NeverSentError(
                f"The TLS handshake failed: {error.reason or 'broken off'}.", "tls"
            ) from None
        except TimeoutError:
            if self.sock is None:
                raise  # not even connected
            raise NeverSentError(
                "The gateway did not complete the TLS handshake in the time allowed.", "tls_slow"
            ) from None
        except OSError as error:
            if self.sock is None:
                raise  # not even connected
            reason = (error.strerror or "broken off").lower()
            raise NeverSentError(f"The TLS handshake was not completed: {reason}.", "tls") from None


class DeadlineHTTPPool(HTTPConnectionPool):
    """A pool of DeadlineHTTPConnection."""

    ConnectionCls = DeadlineHTTPConnection


class DeadlineHTTPSPool(HTTPSConnectionPool):
    """A pool of DeadlineHTTPSConnection."""

    ConnectionCls = DeadlineHTTPSConnection


POOL_CLASSES = {"http": DeadlineHTTPPool, "https": DeadlineHTTPSPool}


def resolve_host(host: str, port: int) -> list[Found]:
    """Return the addresses of a name. Raises NeverSentError if the look-up fails or takes too long."""
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass  # a name, looked up below
    else:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    # getaddrinfo knows no timeout, so it runs aside and is left behind when time is up.
    results: queue.SimpleQueue[list[Found] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            results.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            results.put(error)

    left = seconds_left()
    threading.Thread(target=look_up, daemon=True, name="gateway name look-up").start()
    try:
        found = results.get(timeout=left)
    except queue.Empty:
        raise NeverSentError(
            "The name servers did not answer in the time allowed when asked for the gateway's name.",
            "name_slow",
        ) from None
    if isinstance(found, list) and found:
        return found
    raise NeverSentError("The gateway's name was not found.", "name") from None


def open_socket(addresses: list[Found]) -> socket.socket:
    """Return a connection to the first address that answers. Raises NeverSentError if none does."""
    problem: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        sock = DeadlineSocket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(seconds_left())
            sock.connect(address)
            sock.settimeout(seconds_left())  # a TLS handshake takes this over
            return sock
        except OSError as error:
            sock.close()
            if problem is None or not isinstance(error, ConnectionRefusedError):
                problem = error
    if isinstance(problem, ConnectionRefusedError):
        raise NeverSentError("The gateway refused the connection.", "refused") from None
    if isinstance(problem, TimeoutError):
        raise NeverSentError("The gateway did not accept a connection in the time allowed.", "connect_slow")
    reason = ((problem and problem.strerror) or "no address").lower()
    raise NeverSentError(f"The gateway could not be reached: {reason}.", "unreachable")
