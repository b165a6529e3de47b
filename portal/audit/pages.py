"""Finds the events for the list page: filters from the address, one bounded page at a time."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict

from portal.audit.models import Event

PER_PAGE = 50
FILTERS = ("action", "actor", "object", "connection", "outcome", "change")


@dataclass(frozen=True)
class EventPage:
    """Up to PER_PAGE events, newest first; `older` is the `before` of the next page, None at the end."""

    events: list[Event]
    older: int | None


def events_page(query: QueryDict) -> EventPage:
    """The page that the address asks for. Nonsense in the address is ignored, not an error."""
    events = events_filtered(filters_asked(query))
    before = query.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        events = events.filter(sequence__lt=int(before))
    found = list(events[: PER_PAGE + 1])
    return EventPage(found[:PER_PAGE], found[PER_PAGE - 1].sequence if len(found) > PER_PAGE else None)


def filters_asked(query: QueryDict) -> dict[str, str]:
    """Every filter with what the address asks of it, "" for nothing."""
    return {name: query.get(name, "").replace("\0", "").strip()[:200] for name in FILTERS}


def events_filtered(wanted: dict[str, str]) -> QuerySet[Event]:
    """The events that fit all filters, newest first."""
    events = Event.objects.all()
    for name in ("action", "connection", "outcome"):
        if wanted[name]:
            events = events.filter(**{name: wanted[name]})
    if wanted["change"]:
        events = events.filter(change_id=wanted["change"])
    if wanted["actor"]:
        events = events.filter(actor_name__icontains=wanted["actor"])
    if wanted["object"]:
        text = wanted["object"]
        events = events.filter(
            Q(object_name__icontains=text) | Q(parent_name__icontains=text)
            | Q(object_guid=text) | Q(parent_guid=text)
            | Q(request_id=text) | Q(change_id=text) | Q(gateway_request_id=text)
        )  # fmt: skip
    return events
