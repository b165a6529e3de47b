"""What the room knows of the OpenID provider: its name in the database, and whom it vouches for."""

import hashlib
from contextvars import ContextVar
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest

# Whether the sign-in that is being completed counts as one with a second factor.
vouched: ContextVar[bool] = ContextVar("vouched", default=False)


def provider_id() -> str:
    """Names the provider in the database: the subjects of another one are other people."""
    return "oidc-" + hashlib.sha256(settings.OIDC_SERVER_URL.encode()).hexdigest()[:16]


def signs_in_elsewhere(person: Any) -> bool:
    """Whether the person comes through the provider that is set up now: they have no password here."""
    rows = SocialAccount.objects.filter(user_id=person.pk, provider=provider_id())
    return bool(settings.OIDC_SERVER_URL) and rows.exists()


def provider_vouches(request: HttpRequest) -> bool:
    """Whether this session began at a provider that is trusted to ask for a second factor itself."""
    if not settings.OIDC_TRUST_SECOND_FACTOR:
        return False
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "socialaccount" for record in records)
