"""The home page shows what waits for a person, through the card of portal.changes."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from portal.changes.models import Change, State


def test_home_says_when_nothing_waits(client_of: Callable[[Any], Client], agent: Any) -> None:
    assert "Nothing waits for you" in client_of(agent).get("/").content.decode()


def test_home_shows_my_prepared_changes_and_every_open_outcome(
    client_of: Callable[[Any], Client], agent: Any, manager: Any
) -> None:
    made = {"operation": "merchant.update", "connection": "sandbox", "actor_name": "somebody"}
    Change.objects.create(state=State.PREPARED, object_name="Mine", actor=agent, **made)
    Change.objects.create(state=State.PREPARED, object_name="Of another", actor=manager, **made)
    Change.objects.create(state=State.UNKNOWN, object_name="Open outcome", actor=manager, **made)
    page = client_of(agent).get("/").content.decode()
    assert "Mine" in page
    assert "Open outcome" in page
    assert "Of another" not in page
