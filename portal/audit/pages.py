"""One bounded page of the explorer: keyset paging in both directions, and a count that never counts far."""

from dataclasses import dataclass

from django.http import QueryDict

from portal.audit.actions import ACTIONS, action_title
from portal.audit.filters import Wanted
from portal.audit.models import Event, Known
from portal.audit.queries import COUNTED, Selection, selection_of

PER_PAGE = 50
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


def events_page(wanted: Wanted, query: QueryDict) -> EventPage:
    """The page that `before` or `after` in the address asks for; nonsense there means the newest page."""
    before, after = _row(query.get("before", "")), _row(query.get("after", ""))
    upwards = after is not None and before is None
    selection = selection_of(wanted)
    matching = selection.events(above=after if upwards else None, below=before, oldest_first=upwards)
    found = list(matching[: PER_PAGE + 1])
    more, found = len(found) > PER_PAGE, found[:PER_PAGE]
    if upwards:
        found.reverse()
    older, newer = (True, more) if upwards else (more, before is not None)
    return EventPage(
        found,
        found[-1].sequence if found and older else None,
        found[0].sequence if found and newer else None,
        count_words(selection),
    )


def count_words(selection: Selection) -> str:
    """How many events match, counted to COUNTED at most."""
    counted = selection.counted()
    return f"{COUNTED:,}+" if counted > COUNTED else f"{counted:,}"


def choices_known() -> dict[str, list[str]]:
    """Facet → its values as they occur in the trail: actor, role, outcome, field, kind."""
    rows = Known.objects.filter(
        kind__in=("actor", "role", "outcome", "field", "kind"), guid="", connection=""
    )
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
