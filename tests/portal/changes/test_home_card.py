"""The home page shows a user's open changes on the card of portal.changes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from portal.changes.dashboard import SHOWN
from portal.changes.models import Change, State


def test_home_says_when_nothing_waits(client_of: Callable[[Any], Client], agent: Any) -> None:
    assert "all caught up" in client_of(agent).get("/").content.decode()


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


def test_home_shows_what_the_gateway_refused_me_today(
    one_day: None, client_of: Callable[[Any], Client], agent: Any
) -> None:
    made = {"operation": "merchant.create", "connection": "sandbox", "actor": agent, "state": State.REFUSED}
    Change.objects.create(object_name="Refused today", **made)
    old = Change.objects.create(object_name="Refused before", **made)
    Change.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    page = client_of(agent).get("/").content.decode()
    assert "Refused today" in page
    assert "See why, and correct it" in page
    assert "Refused before" not in page


def test_home_shows_open_outcomes_first_and_says_when_there_is_more(
    client_of: Callable[[Any], Client], agent: Any
) -> None:
    made = {"operation": "merchant.update", "connection": "sandbox", "actor": agent}
    Change.objects.create(state=State.UNKNOWN, object_name="Open outcome", **made)
    for number in range(SHOWN + 1):
        Change.objects.create(state=State.PREPARED, object_name=f"Waiting {number}", **made)
    page = client_of(agent).get("/").content.decode()
    assert page.index("Open outcome") < page.index(f"Waiting {SHOWN}")
    assert "There are more" in page
