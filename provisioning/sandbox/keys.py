"""API keys: create, reset, verify. Called by the System Setup page, sandbox_key and `api`."""

import hashlib
import hmac
import ipaddress
import re
import secrets

from django.utils import timezone

from provisioning.sandbox.models import ApiKey, Record
from provisioning.sandbox.records import TENANT, new_guid

PROVISIONING = "Provisioning API"
SERVICES = (PROVISIONING, "BI Data Source")
DEFAULT_ADDRESSES = "127.0.0.1,::1"
_MAPPED_BITS = 96  # an IPv4 address written as IPv6 is in ::ffff:0:0/96


class KeyRefused(ValueError):  # noqa: N818 - the domain word
    """A key cannot be created or reset as asked; the message says why, for people."""


def create_key(
    *, service: str = PROVISIONING, addresses: str = DEFAULT_ADDRESSES, tenant: str, name: str = ""
) -> tuple[ApiKey, str]:
    """Create a key. Return it with its password, which is not kept. Raises KeyRefused."""
    if service not in SERVICES:
        raise KeyRefused(f"'{service}' is not a service. Choose one of: {', '.join(SERVICES)}.")
    # Separated by commas, without blanks (the platform's page).
    if any(character.isspace() for character in addresses):
        raise KeyRefused("Addresses: separate them by commas, without blanks.")
    if len(addresses) > 1000:
        raise KeyRefused("Addresses: at most 1000 characters.")
    for part in addresses.split(","):
        if _parse_network(part) is None:
            raise KeyRefused(f"Addresses: '{part}' is neither an IP address nor a CIDR range.")
    if not Record.objects.filter(kind=TENANT, guid=tenant).exists():
        raise KeyRefused(f"Tenant '{tenant}' does not exist.")
    password = _new_password()
    salt = secrets.token_hex(16)
    digits = secrets.token_hex(16)
    key = ApiKey.objects.create(
        guid=new_guid("key"),
        # The published shape: 8-4-4-16 hexadecimal digits.
        key="-".join((digits[:8], digits[8:12], digits[12:16], digits[16:])),
        name=name.strip()[:100],
        salt=salt,
        password_hash=_hash_password(salt, password),
        service=service,
        addresses=addresses,
        tenant=tenant,
    )
    return key, password


def reset_key(*, key: str) -> tuple[ApiKey, str]:
    """Replace the password of a key and return the new one. Raises KeyRefused for an unknown key."""
    found = ApiKey.objects.filter(key=key).first()
    if found is None:
        raise KeyRefused(f"There is no API key '{key}'.")
    password = _new_password()
    found.salt = secrets.token_hex(16)
    found.password_hash = _hash_password(found.salt, password)
    found.reset_at = timezone.now()
    found.save()
    return found, password


def delete_key(*, key: str) -> None:
    """Delete a key; it stops working at once. Raises KeyRefused for an unknown key."""
    deleted, _ = ApiKey.objects.filter(key=key).delete()
    if not deleted:
        raise KeyRefused(f"There is no API key '{key}'.")


def verify_key(*, key: str, password: str) -> ApiKey | None:
    """Return the key if the password is right, else None; unknown keys cost as much as wrong passwords."""
    found = ApiKey.objects.filter(key=key).first()
    salt, expected = (found.salt, found.password_hash) if found else ("", "")
    right = hmac.compare_digest(_hash_password(salt, password), expected)
    return found if right else None


def describe_key(key: ApiKey) -> dict[str, str | None]:
    """Return what may be shown of a key at any time: everything but the password."""
    return {
        "guid": key.guid,
        "name": key.name,
        "apiKey": key.key,
        "service": key.service,
        "addresses": key.addresses,
        "tenant": key.tenant,
        "createdAt": key.created_at.isoformat(timespec="seconds"),
        "resetAt": key.reset_at.isoformat(timespec="seconds") if key.reset_at else None,
    }


def is_address_allowed(key: ApiKey, remote: str) -> bool:
    """Return whether the caller's address is on the key's list; IPv4 written as IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    networks = (_parse_network(part) for part in key.addresses.split(","))
    return any(network is not None and address in network for network in networks)


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Parse an address or CIDR range; None for anything else, net masks and zone ids included.

    IPv4 written as IPv6 (::ffff:127.0.0.1) is the IPv4 range (RFC 4291, 2.5.5.2).
    """
    address, slash, length = text.partition("/")
    if "%" in address or (slash and not re.fullmatch(r"0|[1-9][0-9]{0,2}", length)):
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _new_password() -> str:
    """Return a password of the published shape: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def _hash_password(salt: str, password: str) -> str:
    """Return a salted SHA-256.

    A slow hash protects guessable passwords. These have 128 random bits, and every request carries one, so a
    slow hash would only limit the gateway to a few dozen requests a second.
    """
    return hashlib.sha256(f"{salt}:{password}".encode("utf-8", "surrogatepass")).hexdigest()
