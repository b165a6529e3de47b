"""Who a user is: by username, by account at the OpenID provider, and as the audit trail names them.

No two users may have names that read alike.
"""

import hashlib
import unicodedata
from dataclasses import replace
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest

from portal.audit.canonical import clean_text
from portal.audit.recording import ObjectRef, Origin
from portal.core.text import same_reading
from portal.staff.models import User

_LONGEST_NAME = User._meta.get_field("username").max_length or 150


def get_user(request: HttpRequest) -> User:
    """Return the user who is signed in."""
    assert isinstance(request.user, User)  # noqa: S101 - the middleware refuses anonymous users
    return request.user


def get_user_ref(user: User) -> ObjectRef:
    """Return the user as the object of an audit event."""
    return ObjectRef("person", str(user.pk), user.called)


def find_user(username: str) -> User | None:
    """Return the user with this username, in any case of its letters; None for none or several.

    Databases fold ASCII only, or differ in the rest.
    """
    name = str(clean_text(username)).strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        return None
    if exact := User.objects.filter(username=name).first():
        return exact
    found = list(User.objects.filter(username__iexact=name)[:2])
    if not found and not name.isascii():
        found = [one for one in User.objects.all() if fold_name(one.username) == fold_name(name)][:2]
    return found[0] if len(found) == 1 else None


def fold_name(username: str) -> str:
    """Return the form of a username that is the same for all spellings of one user."""
    return unicodedata.normalize("NFKC", str(clean_text(username))).strip().lower()


def origin_as(origin: Origin, user: User) -> Origin:
    """Return the origin with this user as the actor, for users who are not signed in yet."""
    return replace(origin, actor_id=user.pk, actor_name=user.called, actor_role=user.role)


def find_namesake(user: User) -> User | None:
    """Return another user with a name or username that reads like one of `user`."""
    names = _names(user)
    return next((other for other in User.objects.exclude(pk=user.pk) if names & _names(other)), None)


def provider_id() -> str:
    """Return the provider's id in the database: subjects of another provider are other users."""
    return "oidc-" + hashlib.sha256(settings.OIDC_SERVER_URL.encode()).hexdigest()[:16]


def signs_in_elsewhere(user: Any) -> bool:
    """Return whether the user signs in through the configured provider, without a password here."""
    rows = SocialAccount.objects.filter(user_id=user.pk, provider=provider_id())
    return bool(settings.OIDC_SERVER_URL) and rows.exists()


def _names(user: User) -> set[str]:
    """Return the user's names as they read."""
    return {same_reading(text) for text in (user.called, user.username)}
