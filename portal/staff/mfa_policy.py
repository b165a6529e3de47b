"""Check at the start, and in `manage.py check`, that MFA_ROLES names existing roles."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from portal.staff.roles import BUILT_IN_ROLES


def require_known_roles() -> None:
    """Raise ImproperlyConfigured for an unknown role, which would bind nobody without notice."""
    try:
        unknown = _unknown()
    except DatabaseError as error:
        raise ImproperlyConfigured("MFA_ROLES cannot be checked without the database.") from error
    if unknown:
        raise ImproperlyConfigured(_words(unknown))


@register(Tags.database)
def policy_names_roles(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report unknown roles in `check --database default`, once the database is migrated."""
    try:
        unknown = _unknown() if databases else []
    except DatabaseError:
        return []
    return [Error(_words(unknown), id="portal.E003")] if unknown else []


def _unknown() -> list[str]:
    own = set(settings.MFA_ROLES) - {*BUILT_IN_ROLES, "*"}
    return sorted(own - set(Group.objects.filter(name__in=own).values_list("name", flat=True))) if own else []


def _words(unknown: list[str]) -> str:
    return f"MFA_ROLES names no role: {', '.join(unknown)}."
