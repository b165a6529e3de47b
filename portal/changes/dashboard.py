"""The dashboard card of open changes: unknown outcomes of everyone, own unsent changes and own refusals."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, Value, When
from django.http import HttpRequest
from django.utils import timezone

from portal.changes.models import State
from portal.changes.outcomes import settle_stale_changes
from portal.changes.permissions import visible_changes
from portal.core.dashboard import CARDS, DashboardCard

SHOWN = 8
_COLUMNS = (
    "id", "state", "connection", "operation", "object_name", "object_guid", "created_at", "actor",
    "actor_name", "rows",
)  # fmt: skip
_URGENCY = Case(
    When(state=State.UNKNOWN, then=Value(0)), When(state=State.PREPARED, then=Value(1)), default=2
)


def open_changes(request: HttpRequest) -> Mapping[str, Any]:
    """Return `changes` (unknown outcomes, own unsent changes, own refusals of today) and `more`.

    A refusal is left out once its author dismissed it or the same change was accepted later. `more` says
    whether there are further changes.
    """
    settle_stale_changes()
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    refused = Q(state=State.REFUSED, created_at__gte=midnight, dismissed_at=None)
    # A new entity is known by its name, any other by its GUID.
    same = ("actor", "connection", "operation", "target")
    created = Q(**{name: OuterRef(name) for name in (*same, "object_name")})
    updated = Q(**{name: OuterRef(name) for name in (*same, "object_guid")}) & ~Q(object_guid="")
    later = visible_changes(request.user).filter(created_at__gt=OuterRef("created_at"), state=State.ACCEPTED)
    mine = Q(state=State.PREPARED) | (refused & ~Exists(later.filter(created | updated)))
    wanted = Q(state=State.UNKNOWN) | (mine & Q(actor_id=request.user.pk))
    rows = visible_changes(request.user).filter(wanted).only(*_COLUMNS)
    found = list(rows.order_by(_URGENCY, "-created_at")[: SHOWN + 1])
    return {"changes": found[:SHOWN], "more": len(found) > SHOWN}


def register_home_card() -> None:
    """Put the card first on the home page."""
    CARDS.register(
        "changes",
        DashboardCard("changes/home_card.html", access="change.view", order=10, context=open_changes),
    )
