"""Two-factor authentication (MFA): who must have it, how secrets are encrypted, and that a code works once.

Users set up second factors: an authenticator app or passkeys. MFA_ROLES is the policy; a provider that is
trusted to ask for a second factor counts, too.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
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
from django.contrib.auth.models import Group
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.core.permissions import needs_step_up
from portal.staff.models import User
from portal.staff.roles import BUILT_IN_ROLES, get_built_in_roles
from provisioning.encrypted_fields import EncryptedField, EncryptedValue
from provisioning.encryption import KeyringError, seal, unseal

WORDS = {"totp": "authenticator app", "webauthn": "passkey", "recovery_codes": "recovery codes"}
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# The portal stores only the public key of a passkey, so there is nothing to encrypt.
_SECRET = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
# Whether the sign-in that is being completed counts as one with a second factor.
vouched: ContextVar[bool] = ContextVar("vouched", default=False)
_owner: ContextVar[int | None] = ContextVar("_owner", default=None)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Hooks of allauth: secrets are encrypted and bound to their user, so that swapped rows are useless."""

    def is_mfa_enabled(self, user: Any, types: Any = None) -> bool:
        """Return whether the user has one, unless a trusted provider has asked for its own."""
        return not vouched.get() and bool(super().is_mfa_enabled(user, types))

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        """Return the name of a passkey until its owner changes it."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def encrypt(self, text: str) -> str:
        """Encrypt a secret. Raises KeyringError."""
        return seal(text, context=_context())

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret. Raises KeyringError if it was altered or belongs to another user."""
        return str(unseal(encrypted_text, context=_context()).reveal())


@contextmanager
def unlock_secrets(user: User) -> Iterator[None]:
    """Let secrets of `user` be decrypted in the block, before they are signed in."""
    mark = _owner.set(user.pk)
    try:
        yield
    finally:
        _owner.reset(mark)


def is_mfa_missing(request: HttpRequest) -> bool:
    """Return whether the user lacks a second factor that the policy requires. Checked at each request."""
    user: Any = request.user
    if not needs_mfa(user) or Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists():
        return False
    if not settings.OIDC_TRUST_SECOND_FACTOR:
        return True
    # The session may have begun at a provider that is trusted to ask for a second factor.
    records = get_authentication_records(request, user)
    return not any(record["method"] == "socialaccount" for record in records)


def may_read_trail(request: HttpRequest) -> bool:
    """Return whether the user may read the trail, at a public address."""
    return request.user.has_perm("audit.view") and not is_mfa_missing(request)


def needs_mfa(user: User) -> bool:
    """Return whether the policy requires a second factor: it names the role, or a built-in role like it.

    A role made here gets by without one only if it may no more than a built-in role that policy leaves alone,
    and nothing that asks to step up.
    """
    named = set(settings.MFA_ROLES)
    if not named or "*" in named or user.role in named:
        return bool(named)
    built_in = get_built_in_roles()
    if user.role in built_in:
        return False
    held = user.get_all_permissions()
    plain = frozenset().union(*(rights for role, rights in built_in.items() if role not in named))
    return bool(held - plain) or any(needs_step_up(name) for name in held)


def require_known_roles() -> None:
    """Raise ImproperlyConfigured for an unknown role in MFA_ROLES, which would bind nobody without notice.

    Called when the portal starts.
    """
    try:
        unknown = _find_unknown_roles()
    except DatabaseError as error:
        raise ImproperlyConfigured("MFA_ROLES cannot be checked without the database.") from error
    if unknown:
        raise ImproperlyConfigured(f"MFA_ROLES names no role: {', '.join(unknown)}.")


@register(Tags.database)
def policy_names_roles(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report unknown roles in `check --database default`, once the database is migrated."""
    try:
        unknown = _find_unknown_roles() if databases else []
    except DatabaseError:
        return []
    return [Error(f"MFA_ROLES names no role: {', '.join(unknown)}.", id="portal.E003")] if unknown else []


def _find_unknown_roles() -> list[str]:
    own = set(settings.MFA_ROLES) - {*BUILT_IN_ROLES, "*"}
    return sorted(own - set(Group.objects.filter(name__in=own).values_list("name", flat=True))) if own else []


def describe_factors_used(request: HttpRequest, user: User) -> str:
    """Return in words how the user signed in to this session."""
    methods = {"password": "password", "socialaccount": "single sign-on"}
    used = []
    for record in get_authentication_records(request, user):
        if record.get("type") == Authenticator.Type.RECOVERY_CODES:
            used.append("recovery code")
        else:
            used.append(WORDS.get(record.get("type", "")) or methods.get(record["method"], record["method"]))
    if vouched.get():
        used.append("second factor at the provider")
    return ", ".join(dict.fromkeys(used))


def get_second_factors(user: User) -> list[str]:
    """Return the second factors of a user in words, without recovery codes."""
    rows = Authenticator.objects.filter(user=user, type__in=FACTORS).order_by("pk")
    return [WORDS[kind] for kind in rows.values_list("type", flat=True)]


def use_code(user: User, code: str) -> Authenticator | None:
    """Use a code up and return its authenticator; None if no authenticator accepts it.

    Raises KeyringError if none does and one of them does not open.
    """
    with transaction.atomic(), unlock_secrets(user):
        broken: KeyringError | None = None
        for one in Authenticator.objects.filter(user=user, type__in=_SECRET).order_by("-type"):
            try:
                if one.type == Authenticator.Type.TOTP:
                    accepted = use_totp_step(user, wrap_secret(one), code)
                else:
                    accepted = bool(one.wrap().validate_code(code))
            except KeyringError as error:  # the others of the user may still open
                broken, accepted = error, False
            if accepted:
                one.user = user
                return one
    if broken:
        raise broken
    return None


def use_totp_step(user: User, secret: str, code: str) -> bool:
    """Use up a code of the app; return False if it is wrong or used. Only one of parallel uses succeeds."""
    step = int(time.time()) // app_settings.TOTP_PERIOD
    if not compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
        return False
    return User.objects.filter(pk=user.pk, totp_step__lt=step).update(totp_step=step) == 1


def wrap_secret(one: Authenticator) -> str:
    """Return the stored form of an app's secret. Raises KeyringError."""
    return MfaAdapter().decrypt(one.data["secret"])


class MfaSecrets(EncryptedField):
    """Secrets of apps and seeds of recovery codes, which allauth keeps in a JSON column.

    A secret that is being set up is in the session. If its key is removed, the user scans a new one.
    """

    def __init__(self) -> None:
        super().__init__(Authenticator, {})

    def rows(self) -> QuerySet[Authenticator]:
        """Return apps and recovery codes."""
        found: QuerySet[Authenticator] = Authenticator.objects.filter(type__in=_SECRET)
        return found

    def values(self, row: Authenticator) -> list[EncryptedValue]:
        """Return the secret of an app, or the seed of recovery codes."""
        bound_to = _bound_to(row.user_id)
        return [
            EncryptedValue(part, row.data[part], bound_to) for part in ("secret", "seed") if part in row.data
        ]

    def replace(self, row: Authenticator, tokens: Mapping[str, str]) -> None:
        """Store other tokens and keep the rest of the row."""
        row.data |= tokens
        row.save(update_fields=["data"])

    def discard(self, row: Authenticator, parts: list[str]) -> None:
        """Delete the row: the user sets up a new one."""
        row.delete()


def _context() -> str:
    return _bound_to(_owner.get() or context.request.user.pk)


def _bound_to(owner: int) -> str:
    return f"second-factor:{owner}"
