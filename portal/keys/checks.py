"""Check that the configured keys decrypt the stored values. Runs at every start and in commands."""

from contextlib import suppress
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from portal.core.health import HealthCheckError
from portal.keys.services import KeyUsage, get_key_usage
from provisioning import encryption
from provisioning.credentials.models import Credential
from provisioning.encryption import KeyringError


def find_key_problems() -> list[str]:
    """Return the problems with the keys; [] for none or if the tables do not exist yet."""
    try:
        usage = get_key_usage()
    except KeyringError as error:
        return [str(error)]
    except DatabaseError:
        return []  # /healthz/ready reports it
    missing = [
        f"Key “{key_id}” is missing: {usage.sealed_with(key_id)} stored values are encrypted with it "
        f"({_where(usage, key_id)}). Add it to PORTAL_ENCRYPTION_KEYS again, after the first key. "
        "If it is lost, see docs/keys.md."
        for key_id in usage.unknown
    ]
    # A key that opens none of its values is wrong; a single unreadable value is damaged instead.
    closed = [key_id for *_, key_id in usage.closed]
    wrong = [
        f"Key “{key_id}” in PORTAL_ENCRYPTION_KEYS has changed: it decrypts none of the "
        f"{usage.sealed_with(key_id)} values encrypted under this name ({_where(usage, key_id)}). "
        "Enter the original key. If it is lost, see docs/keys.md."
        for key_id in usage.keys
        if 0 < usage.sealed_with(key_id) == closed.count(key_id)
    ]
    return missing + wrong


@register()
def check_stored_values(**_: Any) -> list[CheckMessage]:
    """Return an error for each key that is missing or has changed."""
    return [Error(text, id="portal.E002") for text in find_key_problems()]


def check_credential_keys() -> None:
    """Raise HealthCheckError if this server lacks the key of a credential in use."""
    configured = encryption.key_ids()
    lacking: dict[str, list[str]] = {}
    for used in Credential.objects.filter(state=Credential.State.ACTIVE).select_related("connection"):
        for token in (used.sealed_api_key, used.sealed_password):
            with suppress(KeyringError):  # a damaged value is no matter of this server
                if (key_id := encryption.get_key_id(token)) not in configured:
                    lacking.setdefault(key_id, []).append(used.connection.slug)
    if lacking:
        said = (f"“{key_id}” ({', '.join(sorted(set(slugs)))})" for key_id, slugs in lacking.items())
        raise HealthCheckError(f"the key of a credential in use is missing on this server: {'; '.join(said)}")


def ensure_keys() -> None:
    """Raise ImproperlyConfigured if a key is missing or wrong, so that the portal does not start."""
    found = find_key_problems()
    if found:
        raise ImproperlyConfigured(" ".join(found))


def _where(usage: KeyUsage, key_id: str) -> str:
    return ", ".join(
        f"{place}: {counter[key_id]}" for place, counter in usage.counts.items() if counter[key_id]
    )
