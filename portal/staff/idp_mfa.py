"""The OpenID provider: its id in the database, and for whom it asked for a second factor."""

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
    """Return the provider's id in the database: subjects of another provider are other users."""
    return "oidc-" + hashlib.sha256(settings.OIDC_SERVER_URL.encode()).hexdigest()[:16]


def signs_in_elsewhere(person: Any) -> bool:
    """Return whether the user signs in through the configured provider, without a password here."""
    rows = SocialAccount.objects.filter(user_id=person.pk, provider=provider_id())
    return bool(settings.OIDC_SERVER_URL) and rows.exists()


def provider_vouches(request: HttpRequest) -> bool:
    """Return whether the session began at a provider that is trusted to ask for a second factor."""
    if not settings.OIDC_TRUST_SECOND_FACTOR:
        return False
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "socialaccount" for record in records)
