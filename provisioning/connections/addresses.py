"""Which base URLs may get an API key: https, or http to this very machine outside production."""

import ipaddress
from urllib.parse import urlsplit


def base_url_checked(url: str, *, loopback_http: bool) -> str:
    """`url` without a trailing slash. Raises ValueError, in words for people, if it must not be used.

    `loopback_http` allows plain http to the loopback address (the embedded gateway of a demo).
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("The address holds blanks or invisible characters.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("This is not a complete address.") from None
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError("Give a complete address beginning with https://.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("The address must not hold a user name, a password, “?” or “#”.")
    if parts.scheme == "http" and not (loopback_http and _is_loopback(host)):
        raise ValueError("The address must begin with https://: the API key would travel in clear.")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
