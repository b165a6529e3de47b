"""API keys: create, reset, verify. Called by the System Setup page, sandbox_key and `access`."""

import hashlib
import hmac
import ipaddress
import secrets

from django.utils import timezone

from provisioning.sandbox.models import ApiKey, Record
from provisioning.sandbox.records import TENANT, new_guid

PROVISIONING = "Provisioning API"
SERVICES = (PROVISIONING, "Transaction API", "Status API", "Reporting API")
DEFAULT_ADDRESSES = "127.0.0.1,::1"
_PASSWORD_CHARACTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # noqa: S105 - an alphabet
_PASSWORD_LENGTH = 40


class KeyRefused(ValueError):  # noqa: N818 - the domain word
    """A key cannot be created or reset as asked; the message says why, for people."""


def key_create(
    *, service: str = PROVISIONING, addresses: str = DEFAULT_ADDRESSES, tenant: str, name: str = ""
) -> tuple[ApiKey, str]:
    """A new key and its password, which is not kept and cannot be read again. Raises KeyRefused."""
    if service not in SERVICES:
        raise KeyRefused(f"'{service}' is not a service. Choose one of: {', '.join(SERVICES)}.")
    addresses_check(addresses)
    if not Record.objects.filter(kind=TENANT, guid=tenant).exists():
        raise KeyRefused(f"Tenant '{tenant}' does not exist.")
    password = _new_password()
    salt = secrets.token_hex(16)
    key = ApiKey.objects.create(
        guid=new_guid("key"),
        key=secrets.token_hex(12),
        name=name.strip()[:100],
        salt=salt,
        password_hash=_hashed(salt, password),
        service=service,
        addresses=addresses,
        tenant=tenant,
    )
    return key, password


def key_reset(*, key: str) -> tuple[ApiKey, str]:
    """Replaces the password of a key and returns the new one once. Raises KeyRefused for an unknown key."""
    found = ApiKey.objects.filter(key=key).first()
    if found is None:
        raise KeyRefused(f"There is no API key '{key}'.")
    password = _new_password()
    found.salt = secrets.token_hex(16)
    found.password_hash = _hashed(found.salt, password)
    found.reset_at = timezone.now()
    found.save()
    return found, password


def key_verify(*, key: str, password: str) -> ApiKey | None:
    """The key if the password is right, else None; unknown keys cost as much as wrong passwords."""
    found = ApiKey.objects.filter(key=key).first()
    salt, expected = (found.salt, found.password_hash) if found else ("", "")
    right = hmac.compare_digest(_hashed(salt, password), expected)
    return found if right else None


def key_shown(key: ApiKey) -> dict[str, str | None]:
    """What may be shown of a key at any time: everything but the password."""
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


def addresses_check(addresses: str) -> None:
    """Comma-separated addresses or CIDR ranges, without blanks (platform's page). Raises KeyRefused."""
    if any(character.isspace() for character in addresses):
        raise KeyRefused("Addresses: separate them by commas, without blanks.")
    if len(addresses) > 1000:
        raise KeyRefused("Addresses: at most 1000 characters.")
    for part in addresses.split(","):
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise KeyRefused(f"Addresses: '{part}' is neither an IP address nor a CIDR range.") from None


def address_allowed(key: ApiKey, remote: str) -> bool:
    """Whether the caller's address is on the key's list; IPv4 written as IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return any(address in ipaddress.ip_network(part, strict=False) for part in key.addresses.split(","))


def _new_password() -> str:
    """Forty characters of about 5.8 bits: nothing a person chose, nothing a dictionary holds."""
    return "".join(secrets.choice(_PASSWORD_CHARACTERS) for _ in range(_PASSWORD_LENGTH))


def _hashed(salt: str, password: str) -> str:
    """Salted SHA-256. A slow hash protects guessable passwords; these have over 230 random bits, and every
    request carries one, so a slow hash would only limit the gateway to a few dozen requests a second."""
    return hashlib.sha256(f"{salt}:{password}".encode("utf-8", "surrogatepass")).hexdigest()
