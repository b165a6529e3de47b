"""The daily review: the findings of a day and its sign-off, which is an event of the trail.

A day is one of UTC, the same for everybody. It can be signed off once it is over, so nothing joins it later.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from portal.audit.filters import EventFilter
from portal.audit.models import ChainHead, Event
from portal.audit.pagination import describe_count
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.review_rules import LOOKS, ReviewRule
from portal.audit.search import select_events
from portal.audit.timeline import get_totals_by_day

SIGNED_OFF = "audit.reviewed"
SHOWN = 10  # newest events of each look


class ReviewRefused(Exception):  # noqa: N818 - reads as what happened
    """The day cannot be signed off; the text says why, for people."""


@dataclass(frozen=True)
class Day:
    """One day of UTC and its sign-off, None without one. A day without `events` needs none."""

    date: date
    signed: Event | None
    events: int = 0

    @property
    def since(self) -> datetime:
        """Return the beginning of the day."""
        return datetime.combine(self.date, time(), UTC)

    @property
    def until(self) -> datetime:
        """Return the beginning of the next day."""
        return self.since + timedelta(days=1)

    @property
    def over(self) -> bool:
        """Return whether the day is over, so that no event can be added."""
        return timezone.now() >= self.until

    @property
    def due(self) -> bool:
        """Return whether the day still needs a sign-off."""
        return self.over and self.signed is None and self.events > 0


@dataclass(frozen=True)
class Section:
    """What one look finds in a day: how many in words ("1,000+"), the newest, and the explorer's filter.

    `left_off`: looking took too long, so there may be more than these.
    """

    look: ReviewRule
    count: str
    events: list[Event]
    query: dict[str, str]
    left_off: bool


def get_day(day: date) -> Day:
    """Return a day with its sign-off."""
    return list_days(until=day, count=1)[0]


def get_first_day() -> date | None:
    """Return the day on which the trail began, None if it is empty."""
    first = Event.objects.order_by("time").values_list("time", flat=True).first()
    return first.astimezone(UTC).date() if first else None


def list_days(*, until: date, count: int) -> list[Day]:
    """Return up to `count` days until `until`, newest first, none from before the trail began."""
    begin = min(get_first_day() or until, until)
    days = [until - timedelta(days=ago) for ago in range(count) if until - timedelta(days=ago) >= begin]
    signed = _get_sign_offs(days)
    begin, end = Day(days[-1], None).since, Day(days[0], None).until
    totals = get_totals_by_day(since=begin, until=end)
    return [Day(day, signed.get(str(day)), totals.get(day, 0)) for day in days]


def get_sections(day: Day) -> list[Section]:
    """Return the findings of every review rule for a day, in the order of the registry."""
    return [_get_section(day, look) for look in LOOKS.values()]


def sign_off_day(*, by: Any, origin: Origin, day: date, note: str) -> Event:
    """Record that `by` reviewed the day. Raises ReviewRefused, PermissionDenied, AuditUnavailable.

    The event says up to which row was seen, which is the day's last one.
    """
    if not by.has_perm("audit.review"):
        raise PermissionDenied("needs the permission to sign off daily reviews of the audit trail")
    with transaction.atomic():
        ChainHead.objects.select_for_update().get(pk=1)  # two at once: the second finds the first
        found = get_day(day)
        if not found.over:
            raise ReviewRefused(
                "The day is not over yet. Sign it off after 0:00 UTC so that nothing is missed."
            )
        if day < (get_first_day() or timezone.now().astimezone(UTC).date()):
            raise ReviewRefused("The audit trail began later. There is nothing to sign off on that day.")
        if found.signed:
            raise ReviewRefused(f"{found.signed.actor_name} has already signed off this day.")
        rows = Event.objects.filter(time__gte=found.since, time__lt=found.until).order_by()
        last = rows.order_by("-time").values_list("sequence", flat=True).first()
        seen = f"{rows.count()} events up to row {last}" if last else "no events"
        about = ObjectRef("day", str(day), str(day))
        return record_event(action=SIGNED_OFF, origin=origin, object=about, reason=note, message=seen)


def _get_section(day: Day, look: ReviewRule) -> Section:
    query = {"look": look.name, "from": _stamp(day.since), "to": _stamp(day.until)}
    selection = select_events(EventFilter(query, day.since, day.until))
    numbers = selection.numbers(SHOWN)
    events = list(Event.objects.filter(sequence__in=numbers.found))
    count = describe_count(selection, at_least=len(events))
    return Section(look, count, events, query, left_off=numbers.reached is not None)


def _get_sign_offs(days: list[date]) -> dict[str, Event]:
    """Return the sign-offs by day."""
    named = Event.objects.filter(connection="", object_guid__in=[str(day) for day in days])
    return {event.object_guid: event for event in named.filter(object_kind="day", action=SIGNED_OFF)}


def _stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%MZ}"
