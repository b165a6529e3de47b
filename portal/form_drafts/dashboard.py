"""The dashboard card of unsent forms."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from portal.core.dashboard import CARDS, DashboardCard
from portal.form_drafts.services import list_drafts


def unsent_forms(request: HttpRequest) -> Mapping[str, Any] | None:
    """`drafts`: what the person typed and did not send; None without any."""
    drafts = list_drafts(request.user)
    return {"drafts": drafts} if drafts else None


def register_home_card() -> None:
    """Put the card before the changes."""
    CARDS.register("form drafts", DashboardCard("form_drafts/home_card.html", order=5, context=unsent_forms))
