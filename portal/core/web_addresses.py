"""Web addresses and domains as the gateway takes them: complete, plain ASCII, with a host that can exist."""

import ipaddress
import re
from urllib.parse import quote, urlsplit

import idna

EXAMPLE = "Enter a web address such as https://www.example.org."
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
# A name whose last part looks like this is taken for an IPv4 address.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)
_SCHEME = re.compile(r"https?://(?=[^/])", re.IGNORECASE)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
# What a browser leaves as it is in a path or query; "%" because escapes are already there.
_PLAIN = "!$%&'()*+,-./:;=?@_~[]"


def web_address(text: str) -> str:
    """Return a complete http(s) address in ASCII; "example.org" becomes "https://example.org".

    Raises ValueError with a message for the page if it is not such an address.
    """
    if any(char.isspace() for char in text):
        raise ValueError(f"A web address can’t contain spaces. {EXAMPLE}")
    scheme = _SCHEME.match(text)
    try:
        parts = urlsplit(text if scheme else f"https://{text}")
        host = parts.hostname or ""
    except ValueError:
        raise ValueError(EXAMPLE) from None
    if "@" in parts.netloc:
        raise ValueError(f"A web address can’t contain a username, password or “@”. {EXAMPLE}")
    if parts.netloc.endswith(":"):
        raise ValueError(EXAMPLE)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("The port after “:” must be a number from 1 to 65535.")
    try:
        host = _check_host(host)
    except ValueError as error:
        raise ValueError(f"{error} {EXAMPLE}") from None
    # Without "http://", one word such as "none" or "http" is no address of a site.
    if not host or (not scheme and "." not in host) or host in ("http", "https"):
        raise ValueError(EXAMPLE)
    # ASCII parts stay as typed.
    typed_host = parts.netloc if parts.netloc.isascii() else f"{host}{'' if port is None else f':{port}'}"
    end = "".join(
        f"{mark}{quote(part, safe=_PLAIN)}"
        for mark, part in (("", parts.path), ("?", parts.query), ("#", parts.fragment))
        if part
    )
    return f"{parts.scheme}://{typed_host}{end}"


def encode_domain(domain: str) -> str:
    """Return a domain with its international letters in ASCII form (IDNA 2008): münchen.example → xn--….

    Raises ValueError with a message for the page if the name cannot exist.
    """
    labels = _DOTS.split(domain)
    if labels[-1] == "" and len(labels) > 1:
        labels.pop()
    found = []
    for label in labels:
        try:
            plain = label if label.isascii() else idna.encode(label, uts46=True).decode()
        except idna.IDNAError:
            raise ValueError(f"“{label[:60]}” cannot be part of a domain name.") from None
        if not _LABEL.fullmatch(plain):
            raise ValueError(f"“{domain[:60]}” is not a domain name.")
        found.append(plain)
    name = ".".join(found)
    if len(name) > 253:
        raise ValueError("The domain name is too long.")
    return name


def _check_host(host: str) -> str:
    """Return the host in ASCII. Raises ValueError if it cannot exist."""
    if ":" in host:
        return f"[{ipaddress.ip_address(host)}]"
    name = encode_domain(host) if host else ""
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise ValueError("An IPv4 address has four numbers up to 255.") from None
    return name
