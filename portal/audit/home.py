"""The card of the home page that tells managers which days of the trail wait for their sign-off."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from portal.audit.review import days_listed
from portal.console.home import HomeCard, register

LOOKED_BACK = 15  # today, which is not over, and two weeks


def days_due(request: HttpRequest) -> Mapping[str, Any]:
    """`due`: the days to sign off, oldest first. Two small queries."""
    today = timezone.now().astimezone(UTC).date()
    days = days_listed(until=today, count=LOOKED_BACK)
    return {"due": [day for day in reversed(days) if day.due]}


def home_register() -> None:
    """Adds the card."""
    register(HomeCard("review", "audit/home_card.html", access="audit.review", order=15, context=days_due))
