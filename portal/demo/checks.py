"""Refuse demo users and gateways without TLS in production, at start and in `manage.py check`."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from portal.staff.models import User
from provisioning.credentials.models import Connection


def find_leftovers() -> list[str]:
    """Return a sentence for each leftover of a demo in the database; [] without tables."""
    try:
        people = User.objects.filter(is_demo=True).values_list("username", flat=True)
        plain = Connection.objects.exclude(base_url__startswith="https://").values_list("slug", flat=True)
        found = [f"“{name}” is a user of the demo: remove them." for name in people]
        return found + [f"Connection “{slug}” does not use https." for slug in plain]
    except DatabaseError:
        return []  # without database or tables nobody signs in either; /healthz/ready reports it


@register(Tags.database)
def check_no_demo(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report an error for each leftover, in production."""
    if not (settings.PRODUCTION and databases):
        return []
    return [Error(text, id="portal.E001") for text in find_leftovers()]


def require_no_demo() -> None:
    """Raise ImproperlyConfigured if a demo left anything in production, so that the portal does not start."""
    found = find_leftovers() if settings.PRODUCTION else []
    if found:
        raise ImproperlyConfigured("Demo credentials are refused in production. " + " ".join(found))
