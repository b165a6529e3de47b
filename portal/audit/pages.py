"""One bounded page of the explorer: keyset paging in both directions, and a count that never counts far."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import QueryDict

from portal.audit.actions import ACTIONS, action_title
from portal.audit.models import Event, Known

PER_PAGE = 50
COUNTED = 1000
MOST_CHOICES = 300


@dataclass(frozen=True)
class EventPage:
    """Up to PER_PAGE events, newest first; `older` and `newer` are row numbers for the links, None at an end.

    `count` is how many match in words: "37", "1,000+".
    """

    events: list[Event]
    older: int | None
    newer: int | None
    count: str


def events_page(events: QuerySet[Event], query: QueryDict) -> EventPage:
    """The page that `before` or `after` in the address asks for; nonsense there means the newest page."""
    before, after = _row(query.get("before", "")), _row(query.get("after", ""))
    if after is not None and before is None:
        # Upwards: the rows just above the mark, turned round to be read newest first.
        found = list(events.filter(sequence__gt=after).order_by("sequence")[: PER_PAGE + 1])
        newer_left, older_left = len(found) > PER_PAGE, True
        found = found[:PER_PAGE][::-1]
    else:
        below = events if before is None else events.filter(sequence__lt=before)
        found = list(below[: PER_PAGE + 1])
        newer_left, older_left = before is not None, len(found) > PER_PAGE
        found = found[:PER_PAGE]
    return EventPage(
        found,
        found[-1].sequence if found and older_left else None,
        found[0].sequence if found and newer_left else None,
        count_words(events),
    )


def count_words(events: QuerySet[Event]) -> str:
    """How many events match, counted to COUNTED at most."""
    counted = len(events.order_by().values_list("sequence", flat=True)[: COUNTED + 1])
    return f"{COUNTED:,}+" if counted > COUNTED else f"{counted:,}"


def choices_known() -> dict[str, list[str]]:
    """Facet → its values as they occur in the trail: actor, role, outcome, field, kind."""
    rows = Known.objects.filter(kind__in=("actor", "role", "outcome", "field", "kind"), guid="", connection="")
    found: dict[str, list[str]] = {}
    for kind, name in rows.order_by("kind", "name").values_list("kind", "name"):
        names = found.setdefault(kind, [])
        if len(names) < MOST_CHOICES:
            names.append(name)
    return found


def action_groups() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Actions by their first part: ("change.", "Change", [("change.accepted", "Change accepted"), …])."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for action in ACTIONS:
        groups.setdefault(action.partition(".")[0], []).append((action, action_title(action)))
    return [(f"{name}.", action_title(name), members) for name, members in groups.items()]


def _row(text: str) -> int | None:
    """A row's number from the address, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
