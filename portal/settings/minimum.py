"""Minimum settings: production refuses to start below them, a demo above them.

Each rule is one sentence that names the setting and never shows a secret.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

Settings = Mapping[str, Any]
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
# Setting → lowest and highest value that keeps what docs/security.md promises.
_BOUNDS = {
    "LOGIN_ATTEMPTS": (1, 10),
    "LOGIN_ADDRESS_ATTEMPTS": (1, 1000),
    "LOGIN_LOCK_SECONDS": (15 * 60, 24 * 3600),
    "ONE_TIME_LINK_HOURS": (1, 7 * 24),
    "MFA_RESET_HOURS": (1, 7 * 24),
    "SESSION_IDLE_SECONDS": (60, 30 * 60),
    "SESSION_COOKIE_AGE": (300, 12 * 3600),
    "STEP_UP_MAX_AGE": (30, 30 * 60),
    "CREDENTIAL_ROLLBACK_HOURS": (1, 30 * 24),
    "PERSON_REQUESTS_PER_MINUTE": (60, 12_000),
}
_NAMES = {"SESSION_COOKIE_AGE": "SESSION_MAX_AGE"}  # the setting behind Django's name
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_WIDEST = {4: 2**24, 6: 2**80}  # addresses in a network of proxies or of health checks


def production_check(settings: Settings) -> None:
    """Raise ImproperlyConfigured with a sentence for each setting below the minimum."""
    problems = [*_check_secrets(settings), *_check_access(settings), *_check_network(settings)]
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


def demo_check(settings: Settings) -> None:
    """Raise ImproperlyConfigured unless every key is a demo's: a demo asks for no second factor."""
    keys = [settings["PORTAL_ENCRYPTION_KEYS"], settings["PORTAL_AUDIT_KEYS"]]
    if not all(entry.strip().startswith("demo-") for text in keys for entry in text.split(",")):
        raise ImproperlyConfigured(
            "PORTAL_ENV=demo runs with a demo's keys only, and these are others. Remove PORTAL_ENV from the "
            "settings of a production portal."
        )


def _check_secrets(settings: Settings) -> Iterator[str]:
    if settings["DEBUG"]:
        yield "DEBUG must be off in production."
    secrets = settings["SECRET_KEY"] + settings["PORTAL_ENCRYPTION_KEYS"] + settings["PORTAL_AUDIT_KEYS"]
    if settings["PORTAL_DEMO_PASSPHRASE"] or "demo-" in secrets:
        yield "Demo credentials are refused in production: make keys of your own."
    secret = settings["SECRET_KEY"]
    if len(secret) < 50 or len(set(secret)) < 10 or _is_repetition(secret):
        yield "SECRET_KEY must be at least 50 random characters (`openssl rand -base64 48`)."
    decoded = {}
    for name in ("PORTAL_ENCRYPTION_KEYS", "PORTAL_AUDIT_KEYS"):
        decoded[name] = [_decode_key(entry) for entry in settings[name].split(",") if entry.strip()]
        if not all(decoded[name]):
            yield f"{name} must read id:base64 with 32 random bytes (`openssl rand -base64 32`)."
    if set(decoded["PORTAL_ENCRYPTION_KEYS"]) & set(decoded["PORTAL_AUDIT_KEYS"]) - {b""}:
        yield "PORTAL_ENCRYPTION_KEYS and PORTAL_AUDIT_KEYS must be different keys."


def _decode_key(entry: str) -> bytes:
    """Return the key of `id:base64`, or b"" for one that is malformed, short or not random."""
    try:
        key = base64.b64decode(entry.strip().partition(":")[2], validate=True)
    except (binascii.Error, ValueError):
        return b""
    # 32 random bytes have fewer than 16 different values about once in 10^12 keys.
    return key if len(key) >= 32 and len(set(key)) >= 16 and not _is_repetition(key) else b""


def _is_repetition(text: str | bytes) -> bool:
    """Return whether a text is a shorter one, repeated."""
    return text in (text * 2)[1:-1]  # type: ignore[operator]


def _check_access(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the portal's own names and with sign-in."""
    hosts = settings["ALLOWED_HOSTS"]
    if not hosts or "*" in hosts:
        # One-time links are made for the host that was asked for: it must be one of ours.
        yield "ALLOWED_HOSTS is not set, or holds “*”."
    elif not all(_HOST.fullmatch(host) or _is_address(host) for host in hosts):
        yield "ALLOWED_HOSTS must be whole host names, without wildcard, scheme or port."
    if any(not re.fullmatch(r"https://[^/*\s]+", origin) for origin in settings["CSRF_TRUSTED_ORIGINS"]):
        yield "CSRF_TRUSTED_ORIGINS must be origins such as https://portal.example.com, without wildcard."
    for name, (lowest, highest) in _BOUNDS.items():
        if not lowest <= settings[name] <= highest:
            yield f"{_NAMES.get(name, name)} must be from {lowest} to {highest} in production."
    if not {"*", "Admin"} & set(settings["MFA_ROLES"]):
        yield "MFA_ROLES must be *, or name Admin among the roles, in production."


def _is_address(host: str) -> bool:
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _check_network(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with networks, and what would leave this machine unencrypted."""
    for name in ("TRUSTED_PROXIES", "HEALTH_NETWORKS"):
        if any(network.num_addresses > _WIDEST[network.version] for network in settings[name]):
            yield f"{name} names a network that is too large; name the proxies' or monitors' own network."
    for network in settings["GATEWAY_PRIVATE_NETWORKS"]:
        too_large = network.num_addresses > _WIDEST[network.version]
        if too_large or network.is_link_local or not network.is_private:
            yield "GATEWAY_PRIVATE_NETWORKS may hold private networks only, without link-local addresses."
            break
    encrypted = settings.get("EMAIL_USE_TLS") or settings.get("EMAIL_USE_SSL")
    if settings["EMAIL_URL"] and not encrypted and settings.get("EMAIL_HOST") not in _THIS_MACHINE:
        yield "EMAIL_URL must begin with smtp+tls:// or smtp+ssl:// in production: mails hold one-time links."
    for name in ("AUDIT_FORWARD_TO", "AUDIT_ANCHOR_FORWARD_TO"):
        if any(_is_plain(address) for address in settings[name]):
            yield f"{name} must use syslog+tls: or https:, unless the receiver is on this machine."
    if not 0 < settings["AUDIT_ANCHOR_EVENTS"] <= 10_000 and not 0 < settings["AUDIT_ANCHOR_MINUTES"] <= 1440:
        # The end of the trail can be cut off unseen up to the last anchor.
        yield "AUDIT_ANCHOR_EVENTS must be from 1 to 10000, or AUDIT_ANCHOR_MINUTES from 1 to 1440."


def _is_plain(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False  # the trail itself refuses an address that cannot be read
    return parts.scheme in ("syslog+udp", "syslog+tcp", "http") and parts.hostname not in _THIS_MACHINE
