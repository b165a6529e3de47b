"""The cards of the home page: which days of the trail wait for a sign-off, and that it was found broken."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from portal.audit.daily_review import list_days
from portal.audit.verification.report import find_broken_event
from portal.core.dashboard import CARDS, DashboardCard

LOOKED_BACK = 15  # today, which is not over, and two weeks


def days_due(request: HttpRequest) -> Mapping[str, Any]:
    """Return `due`, the days to sign off, oldest first, and `over`, whether any day with events is over."""
    today = timezone.now().astimezone(UTC).date()
    days = list_days(until=today, count=LOOKED_BACK)
    return {
        "due": [day for day in reversed(days) if day.due],
        "over": any(day.over and day.events for day in days),
    }


def broken_found(request: HttpRequest) -> Mapping[str, Any]:
    """Return `broken`: the event that found the trail broken, None if it is not."""
    return {"broken": find_broken_event()}


def register_cards() -> None:
    """Register the dashboard cards."""
    CARDS.register(
        "trail", DashboardCard("audit/broken_card.html", access="audit.view", order=1, context=broken_found)
    )
    CARDS.register(
        "review", DashboardCard("audit/home_card.html", access="audit.review", order=15, context=days_due)
    )
