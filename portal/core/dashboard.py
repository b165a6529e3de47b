"""The first page after sign-in: cards that apps register in `AppConfig.ready`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from provisioning.registry import Registry


@dataclass(frozen=True, slots=True)
class DashboardCard:
    """A card: its template, which draws a whole `.card`, and the permission that it needs.

    `context(request)` returns the template's variables, or None to leave the card out. Cards with a small
    `order` come first.
    """

    template: str
    access: str = SIGNED_IN
    order: int = 50
    context: Callable[[HttpRequest], Mapping[str, Any] | None] = lambda request: {}


CARDS: Registry[DashboardCard] = Registry("dashboard cards")


class DashboardView(PortalView):
    """Show open work, problems that need attention, and where to go."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """Render the cards that the user may see, in order, each with its own variables."""
        cards = []
        for _name, card in sorted(CARDS.items(), key=lambda item: (item[1].order, item[0])):
            if card.access == SIGNED_IN or request.user.has_perm(card.access):
                context = card.context(request)
                if context is not None:
                    cards.append({"template": card.template, "context": context})
        return render(request, "core/dashboard.html", {"cards": cards})
