"""The first page after sign-in: cards that the rooms above register in their AppConfig.ready()."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView


def _nothing(request: HttpRequest) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class HomeCard:
    """One card: a template, the permission it needs, what it shows, and its place (small comes first).

    `context(request)` returns the template's variables, None to leave the card out; the template draws a
    whole `.card`.
    """

    name: str
    template: str
    access: str = SIGNED_IN
    order: int = 50
    context: Callable[[HttpRequest], Mapping[str, Any] | None] = _nothing


_CARDS: dict[str, HomeCard] = {}


def register(card: HomeCard) -> None:
    """Adds a card to the home page. Raises ValueError if another one has its name."""
    if _CARDS.setdefault(card.name, card) != card:
        raise ValueError(f"There is a home card named {card.name} already.")


def cards_for(request: HttpRequest) -> list[HomeCard]:
    """The cards the person may see, in order."""
    user = request.user
    allowed = [card for card in _CARDS.values() if card.access == SIGNED_IN or user.has_perm(card.access)]
    return sorted(allowed, key=lambda card: (card.order, card.name))


class HomePage(PortalView):
    """My open work, what needs attention, where to go."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """The cards, each rendered with its own variables."""
        found = [(card.template, card.context(request)) for card in cards_for(request)]
        cards = [{"template": name, "context": context} for name, context in found if context is not None]
        return render(request, "core/dashboard.html", {"cards": cards})
