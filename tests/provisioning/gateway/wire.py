"""Servers that speak badly on purpose: a function of the test gets the raw socket of every connection."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Talk = Callable[[socket.socket], None]


@dataclass
class Wire:
    """A running server: `requests` holds the bytes of each request, `port` where it listens.

    `asked` is the last path segment each peer asked for last.
    """

    port: int
    requests: list[bytes] = field(default_factory=list)
    asked: dict[object, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its base URL over plain http."""
        return f"http://127.0.0.1:{self.port}/api"


@contextmanager
def wire(talk: Talk, *, tls: ssl.SSLContext | None = None, keep: bool = False) -> Iterator[Wire]:
    """Serves until the block ends. `keep` answers several requests on one connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Wire(listener.getsockname()[1])

    def converse(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            peer = tls.wrap_socket(connection, server_side=True) if tls else connection
            with peer:
                while request := received(peer):
                    server.requests.append(request)
                    server.asked[peer.getpeername()] = request.split(b" ")[1].decode().rpartition("/")[2]
                    talk(peer)
                    if not keep:
                        return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()


def received(connection: socket.socket) -> bytes:
    """One whole request: head and the body that Content-Length announces; b"" at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


def response(body: bytes | str, *, status: str = "200 OK", headers: str = "") -> bytes:
    """A complete response as bytes."""
    raw = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(raw)}\r\n{headers}\r\n".encode() + raw


def says(body: bytes | str, *, status: str = "200 OK", headers: str = "") -> Talk:
    """Answers every request with this response."""
    return lambda connection: connection.sendall(response(body, status=status, headers=headers))


def raw(data: bytes) -> Talk:
    """Answers with exactly these bytes and closes."""
    return lambda connection: connection.sendall(data)


def certificate(folder: Path, *, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, str]:
    """A server's TLS context with a fresh self-signed certificate, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test gateway")])
    now = datetime.datetime.now(datetime.UTC)
    alternative: x509.GeneralName = x509.DNSName(name)
    with suppress(ValueError):
        alternative = x509.IPAddress(ipaddress.ip_address(name))
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context, str(cert_file)
