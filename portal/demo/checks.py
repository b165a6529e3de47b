"""What production refuses of a demo: its people, and gateways without TLS. Asked at start and by check."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from portal.staff.models import User
from provisioning.credentials.models import Connection


def leftovers() -> list[str]:
    """What a demo left in the database, in words; [] where there is nothing, or no table yet."""
    try:
        found = [f"“{name}” is a person of the demo: remove them." for name in _demo_people()]
        return found + [f"Connection “{slug}” does not use https." for slug in _plain_connections()]
    except DatabaseError:
        return []  # without database or tables nobody signs in either; /healthz/ready reports it


@register(Tags.database)
def nothing_of_a_demo(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """An error for each leftover, in production."""
    if not (settings.PRODUCTION and databases):
        return []
    return [Error(text, id="portal.E001") for text in leftovers()]


def production_ensure() -> None:
    """Raises ImproperlyConfigured if a demo left anything in production: the portal does not start."""
    found = leftovers() if settings.PRODUCTION else []
    if found:
        raise ImproperlyConfigured("Demo credentials are refused in production. " + " ".join(found))


def _demo_people() -> list[str]:
    return list(User.objects.filter(is_demo=True).values_list("username", flat=True))


def _plain_connections() -> list[str]:
    return list(Connection.objects.exclude(base_url__startswith="https://").values_list("slug", flat=True))
