"""The card of the home page: my changes that wait for me, and everybody's whose outcome is open."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from portal.changes.models import Change, State
from portal.changes.settling import changes_interrupted_settle
from portal.console.home import HomeCard, register

SHOWN = 8


def open_changes(request: HttpRequest) -> Mapping[str, Any]:
    """`changes`: what the person prepared and did not send, and what nobody knows the outcome of."""
    changes_interrupted_settle()
    waiting = Q(state=State.PREPARED, actor_id=request.user.pk)
    columns = (
        "id",
        "state",
        "connection",
        "operation",
        "object_name",
        "object_guid",
        "created_at",
        "actor_name",
    )
    found = Change.objects.filter(waiting | Q(state=State.UNKNOWN)).only(*columns)
    return {"changes": found[:SHOWN]}


def home_register() -> None:
    """Puts the card first on the home page."""
    register(
        HomeCard("changes", "changes/home_card.html", access="change.view", order=10, context=open_changes)
    )
