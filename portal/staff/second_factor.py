"""The second factor: who must have one, what it is sealed with, and that a code opens the door once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.db import transaction

from portal.staff.models import User
from provisioning.keyring import seal, unseal

WORDS = {"totp": "authenticator app", "webauthn": "passkey", "recovery_codes": "recovery codes"}
_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
_owner: ContextVar[int | None] = ContextVar("_owner", default=None)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth's hooks: secrets are sealed, each bound to its person, so that swapped rows open nothing."""

    def encrypt(self, text: str) -> str:
        """The sealed secret. Raises KeyringError."""
        return seal(text, context=_context())

    def decrypt(self, encrypted_text: str) -> str:
        """The secret. Raises KeyringError for one that was altered or belongs to somebody else."""
        return str(unseal(encrypted_text, context=_context()).reveal())


@contextmanager
def secrets_of(person: User) -> Iterator[None]:
    """Within, secrets of `person` open, though nobody is signed in yet."""
    mark = _owner.set(person.pk)
    try:
        yield
    finally:
        _owner.reset(mark)


def second_factor_missing(person: Any) -> bool:
    """Whether policy asks for a second factor that the person does not have. Asked at each request."""
    roles = settings.SECOND_FACTOR_ROLES
    needed = "*" in roles or (bool(roles) and person.role in roles)
    return needed and not Authenticator.objects.filter(user_id=person.pk, type__in=_FACTORS).exists()


def second_factors_of(person: User) -> list[str]:
    """What the person has, in words, recovery codes aside."""
    rows = Authenticator.objects.filter(user=person, type__in=_FACTORS).order_by("pk")
    return [WORDS[kind] for kind in rows.values_list("type", flat=True)]


def code_take(person: User, code: str) -> Authenticator | None:
    """The authenticator that accepts this code, now and never again; None if none does."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
    with transaction.atomic(), secrets_of(person):
        for one in Authenticator.objects.filter(user=person, type__in=kinds).order_by("-type"):
            if _accepted(person, one, code):
                one.user = person
                return one
    return None


def totp_step_take(person: User, secret: str, code: str) -> bool:
    """Whether the app shows `code` now and it is its first use: the database lets only one of many pass."""
    step = int(time.time()) // app_settings.TOTP_PERIOD
    if not compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
        return False
    return User.objects.filter(pk=person.pk, totp_step__lt=step).update(totp_step=step) == 1


def _accepted(person: User, one: Authenticator, code: str) -> bool:
    wrapped = one.wrap()
    if one.type == Authenticator.Type.TOTP:
        return totp_step_take(person, wrapped_secret(one), code)
    return bool(wrapped.validate_code(code))


def wrapped_secret(one: Authenticator) -> str:
    """The secret of an authenticator app. Raises KeyringError."""
    return SecondFactorAdapter().decrypt(one.data["secret"])


def _context() -> str:
    owner = _owner.get() or context.request.user.pk
    return f"second-factor:{owner}"
