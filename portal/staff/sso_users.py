"""Users of the OpenID provider: created at the first sign-in, with the role of their groups at each one."""

import re
from contextlib import suppress
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from portal.audit.recording import Origin, get_system_origin
from portal.core.text import is_hidden
from portal.staff.backends import StaffBackend
from portal.staff.identity import find_namesake
from portal.staff.models import User
from portal.staff.services import StaffRefused, change_role, create_user, withdraw_role
from portal.staff.sessions import end_all_sessions

_SYSTEM = "single sign-on"


class ProviderRefused(Exception):  # noqa: N818 - reads as what happened
    """A refused sign-in through the provider: the reason for the page, a code and an HTTP status."""

    def __init__(self, text: str, code: str, status: int) -> None:
        super().__init__(text)
        self.code, self.status = code, status


def get_user_from_claims(
    *, origin: Origin, user: User | None, account: SocialAccount, claims: dict[str, Any]
) -> User:
    """Return the user of `claims` with the role of their groups; create one if `user` is None.

    Raises ProviderRefused for a disabled user or one without a role, and AuditUnavailable.
    """
    role = get_role_from_claims(claims)
    if user is not None and not StaffBackend().user_can_authenticate(user):
        raise ProviderRefused("Your account in this portal is disabled.", "disabled", 403)
    if not role:
        if user is not None:
            with transaction.atomic():
                end_all_sessions(origin=get_system_origin(_SYSTEM), user=user)
                with suppress(StaffRefused):  # the last admin keeps the role
                    withdraw_role(origin=get_system_origin(_SYSTEM), user=user)
        raise ProviderRefused("You are not in a group that has access to this portal.", "no_group", 403)
    try:
        if user is None:
            return _create_user(account, claims, role)
        change_role(by=None, origin=get_system_origin(_SYSTEM), user=user, role=role)
        return User.objects.get(pk=user.pk)
    except StaffRefused as refusal:
        raise ProviderRefused(str(refusal), "role", 403) from refusal


def get_role_from_claims(claims: dict[str, Any]) -> str:
    """Return the role of the first group in OIDC_ROLE_GROUPS that the user is in, "" for none."""
    groups: Any = claims
    for part in settings.OIDC_GROUPS_CLAIM.split("."):
        groups = groups.get(part) if isinstance(groups, dict) else None
    listed = [groups] if isinstance(groups, str) else groups
    # Groups are a list of texts. The keys of an object, or a mixed list, are not groups.
    if not isinstance(listed, list) or not all(isinstance(group, str) for group in listed):
        return ""
    held = set(listed)
    roles: dict[str, str] = settings.OIDC_ROLE_GROUPS
    return next((role for group, role in roles.items() if group in held), "")


def _create_user(account: SocialAccount, claims: dict[str, Any], role: str) -> User:
    """Create a user with the names of the claims, made distinct from those of other users."""
    wanted = re.sub(r"[^\w.@+-]", "", _text(claims, "preferred_username"), flags=re.ASCII)[:140] or "person"
    similar = User.objects.filter(username__istartswith=wanted)
    taken = {known.lower() for known in similar.values_list("username", flat=True)}
    number, username = 1, wanted
    while username.lower() in taken:
        number += 1
        username = f"{wanted}.{number}"
    first, last = _text(claims, "given_name"), _text(claims, "family_name")
    if find_namesake(User(username=username, first_name=first, last_name=last)):
        last = f"{last[: 147 - len(username)]} ({username})".strip()
    # Only an address that the provider says it has verified. 1 == True, so `in` would not do.
    verified = claims.get("email_verified")
    email = _text(claims, "email") if verified is True or verified == "true" else ""
    try:
        validate_email(email)
    except ValidationError:
        email = ""
    try:
        with transaction.atomic():
            user = create_user(
                by=None,
                origin=get_system_origin(_SYSTEM),
                role=role,
                email=email,
                username=username,
                first_name=first,
                last_name=last,
            )
            account.user = user
            account.save()
            return user
    except IntegrityError as error:  # two first sign-ins at once
        raise ProviderRefused(
            "Another sign-in was still in progress. Sign in again.", "twice", 409
        ) from error


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return (
        "".join(sign for sign in value if sign.isprintable() and not is_hidden(sign))[:150].strip()
        if isinstance(value, str)
        else ""
    )
