"""One bounded page of the explorer: keyset paging in both directions, and a count that never counts far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.http import QueryDict

from portal.audit.event_types import EVENT_TYPES, action_title
from portal.audit.filters import EventFilter, is_number
from portal.audit.history import attach_results
from portal.audit.models import Event, KnownName
from portal.audit.search import COUNTED, Selection, select_events

PER_PAGE = 50
MAX_CHOICES = 300


@dataclass(frozen=True)
class EventPage:
    """Up to PER_PAGE events, newest first; `older` and `newer` are row numbers for the links, None at an end.

    `count` is how many match in words: "37", "1,000+". `looked_until` is the time of the event at which
    looking was left off because it took too long, None if it was not: there may be more beyond.
    `problems` are those of the selection.
    """

    events: list[Event]
    older: int | None
    newer: int | None
    count: str
    looked_until: datetime | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


def get_event_page(wanted: EventFilter, query: QueryDict) -> EventPage:
    """Return the page for `before` or `after` in the address; the newest page if they are invalid."""
    before, after = _parse_row(query.get("before", "")), _parse_row(query.get("after", ""))
    upwards = after is not None and before is None
    selection = select_events(wanted)
    numbers = selection.numbers(
        PER_PAGE + 1, above=after if upwards else None, below=before, oldest_first=upwards
    )
    found = sorted(numbers.found[:PER_PAGE], reverse=True)
    onwards = numbers.reached
    if len(numbers.found) > PER_PAGE:
        onwards = found[0] if upwards else found[-1]
    all_here = before is None and after is None and onwards is None
    # The link back to the previous page; the newest page has none.
    back = None
    if before is not None:
        back = found[0] if found else before - 1
    elif after is not None:
        back = found[-1] if found else after + 1
    # A sentence needs neither, and a routing document is long.
    stopped = None
    if numbers.reached:
        stopped = Event.objects.filter(sequence=numbers.reached).values_list("time", flat=True).first()
    events = list(Event.objects.filter(sequence__in=found).defer("request", "answer"))
    attach_results(events)
    return EventPage(
        events,
        older=back if upwards else onwards,
        newer=onwards if upwards else back,
        count=f"{len(found):,}" if all_here else describe_count(selection, at_least=len(found)),
        looked_until=stopped,
        problems=selection.problems,
    )


def describe_count(selection: Selection, at_least: int = 0) -> str:
    """Return how many events match as text, counted up to COUNTED and for a short time only."""
    counted, complete = selection.count()
    most = max(counted, at_least)
    if complete and most <= COUNTED:
        return f"{most:,}"
    return f"{min(most, COUNTED):,}+"


def get_known_choices() -> dict[str, list[str]]:
    """Return the values that occur in the trail by filter: actor, role, outcome, field, kind."""
    rows = KnownName.objects.filter(
        kind__in=("actor", "role", "outcome", "field", "kind"), guid="", connection=""
    )
    found: dict[str, list[str]] = {}
    for kind, name in rows.order_by("kind", "name").values_list("kind", "name"):
        names = found.setdefault(kind, [])
        if len(names) < MAX_CHOICES:
            names.append(name)
    return found


@cache
def get_action_groups() -> list[tuple[str, list[tuple[str, str]]]]:
    """Group the actions by their first part: ("Change", [("change.", "Change: all"), …])."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for action in EVENT_TYPES:
        name = action.partition(".")[0]
        members = groups.setdefault(name, [(f"{name}.", f"{action_title(name)}: all")])
        members.append((action, action_title(action)))
    return [(action_title(name), members) for name, members in groups.items()]


def _parse_row(text: str) -> int | None:
    """Parse a row number from the address; None if it is invalid."""
    return int(text) if is_number(text) else None
