"""The second factor: who must have one, what it is sealed with, and that a code opens the door once."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.core.permissions import needs_step_up
from portal.staff.idp_mfa import provider_vouches, vouched
from portal.staff.models import User
from portal.staff.roles import get_built_in_roles
from provisioning.encrypted_fields import EncryptedField, EncryptedValue
from provisioning.encryption import KeyringError, seal, unseal

WORDS = {"totp": "authenticator app", "webauthn": "passkey", "recovery_codes": "recovery codes"}
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# Of a passkey the portal has the public half alone: nothing to seal.
_SECRET = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
_owner: ContextVar[int | None] = ContextVar("_owner", default=None)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth's hooks: secrets are sealed, each bound to its person, so that swapped rows open nothing."""

    def is_mfa_enabled(self, user: Any, types: Any = None) -> bool:
        """Whether the person has one; not asked for where a trusted provider has asked for its own."""
        return not vouched.get() and bool(super().is_mfa_enabled(user, types))

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        """What a passkey is called until its owner names it."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

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


def second_factor_missing(request: HttpRequest) -> bool:
    """Whether policy asks for a second factor that the person does not have. Asked at each request."""
    person: Any = request.user
    if (
        not second_factor_needed(person)
        or Authenticator.objects.filter(user_id=person.pk, type__in=FACTORS).exists()
    ):
        return False
    return not provider_vouches(request)


def reads_the_trail(request: HttpRequest) -> bool:
    """Whether the person may read the trail, at an address that the door opens to everybody."""
    return request.user.has_perm("audit.view") and not second_factor_missing(request)


def second_factor_needed(person: User) -> bool:
    """Whether policy asks it of the person: names their role, or would name it if it were built in.

    A role made here gets by without one only if it may no more than a built-in role that policy leaves alone,
    and nothing that asks to step up.
    """
    named = set(settings.MFA_ROLES)
    if not named or "*" in named or person.role in named:
        return bool(named)
    built_in = get_built_in_roles()
    if person.role in built_in:
        return False
    held = person.get_all_permissions()
    plain = frozenset().union(*(rights for role, rights in built_in.items() if role not in named))
    return bool(held - plain) or any(needs_step_up(name) for name in held)


def factors_used(request: HttpRequest, person: User) -> str:
    """Return what the person proved themselves with on the way to this session, in words."""
    methods = {"password": "password", "socialaccount": "single sign-on"}
    used = []
    for record in get_authentication_records(request, person):
        if record.get("type") == Authenticator.Type.RECOVERY_CODES:
            used.append("recovery code")
        else:
            used.append(WORDS.get(record.get("type", "")) or methods.get(record["method"], record["method"]))
    if vouched.get():
        used.append("second factor at the provider")
    return ", ".join(dict.fromkeys(used))


def second_factors_of(person: User) -> list[str]:
    """What the person has, in words, recovery codes aside."""
    rows = Authenticator.objects.filter(user=person, type__in=FACTORS).order_by("pk")
    return [WORDS[kind] for kind in rows.values_list("type", flat=True)]


def code_take(person: User, code: str) -> Authenticator | None:
    """The authenticator that accepts this code, now and never again; None if none does.

    Raises KeyringError if none does and one of them does not open.
    """
    kinds = _SECRET
    with transaction.atomic(), secrets_of(person):
        broken: KeyringError | None = None
        for one in Authenticator.objects.filter(user=person, type__in=kinds).order_by("-type"):
            try:
                accepted = _accepted(person, one, code)
            except KeyringError as error:  # the others of the person may still open
                broken, accepted = error, False
            if accepted:
                one.user = person
                return one
    if broken:
        raise broken
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


class SecondFactors(EncryptedField):
    """Secrets of apps and seeds of recovery codes, which allauth keeps in a JSON column.

    One somebody is about to set up rests in their session; if the key goes meanwhile, they scan a new one.
    """

    def __init__(self) -> None:
        super().__init__("Second factors", Authenticator, {})

    def rows(self) -> QuerySet[Authenticator]:
        """Apps and recovery codes."""
        found: QuerySet[Authenticator] = Authenticator.objects.filter(type__in=_SECRET)
        return found

    def values(self, row: Authenticator) -> list[EncryptedValue]:
        """The secret of an app, or the seed of recovery codes."""
        bound_to = _bound_to(row.user_id)
        return [
            EncryptedValue(part, row.data[part], bound_to) for part in ("secret", "seed") if part in row.data
        ]

    def replace(self, row: Authenticator, tokens: Mapping[str, str]) -> None:
        """Stores other tokens; what else is known of the factor stays."""
        row.data |= tokens
        row.save(update_fields=["data"])

    def discard(self, row: Authenticator, parts: list[str]) -> None:
        """The person sets up a new one."""
        row.delete()


def _context() -> str:
    return _bound_to(_owner.get() or context.request.user.pk)


def _bound_to(owner: int) -> str:
    return f"second-factor:{owner}"
