"""The daily review: the findings of a day and its sign-off, which is an event of the trail.

A day is one of UTC, the same for everybody. It can be signed off once it is over, so nothing joins it later.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.audit.filters import EventFilter, format_bound
from portal.audit.list_tables import build_day_table, build_event_table, render_day_state
from portal.audit.models import ChainHead, Event
from portal.audit.pagination import describe_count
from portal.audit.recording import ObjectRef, Origin, origin_of, record_event
from portal.audit.review_rules import REVIEW_RULES, ReviewRule
from portal.audit.search import select_events
from portal.audit.timeline import get_totals_by_day
from portal.core.field_types import TextField
from portal.core.view_access import sends_form
from portal.core.views import PortalView

SIGNED_OFF = "audit.reviewed"
SHOWN = 10  # newest events of each look
DAYS_LISTED = 30
EARLIEST = date(2000, 1, 1)


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
    """What one rule finds in a day: how many in words ("1,000+"), the newest, and the explorer's filter.

    `left_off`: looking took too long, so there may be more than these.
    """

    rule: ReviewRule
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
    named = Event.objects.filter(connection="", object_guid__in=[str(day) for day in days])
    signed = {event.object_guid: event for event in named.filter(object_kind="day", action=SIGNED_OFF)}
    begin, end = Day(days[-1], None).since, Day(days[0], None).until
    totals = get_totals_by_day(since=begin, until=end)
    return [Day(day, signed.get(str(day)), totals.get(day, 0)) for day in days]


def get_sections(day: Day) -> list[Section]:
    """Return the findings of every review rule for a day, in the order of the registry."""
    sections = []
    for rule in REVIEW_RULES.values():
        query = {"look": rule.name, "from": format_bound(day.since), "to": format_bound(day.until)}
        selection = select_events(EventFilter(query, day.since, day.until))
        numbers = selection.numbers(SHOWN)
        events = list(Event.objects.filter(sequence__in=numbers.found))
        count = describe_count(selection, at_least=len(events))
        sections.append(Section(rule, count, events, query, left_off=numbers.reached is not None))
    return sections


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


class SignOffForm(forms.Form):
    """What was looked at and found."""

    note = TextField(
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Findings",
        help_text="For example, “nothing unusual”. Recorded in the audit trail.",
    )


class ReviewListView(PortalView):
    """/audit/review/ — the days, newest first, with those that still need a sign-off marked."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show DAYS_LISTED days, until `until` in the address if it is set."""
        today = timezone.now().astimezone(UTC).date()
        until = min(_parse_day(request.GET.get("until", "")) or today, today)
        days = list_days(until=until, count=DAYS_LISTED)
        context = {
            "tab": "review",
            "table": build_day_table(request, days),
            "due": sum(day.due for day in days),
            "over": sum(day.over for day in days),
            "earlier": until - timedelta(days=DAYS_LISTED) if len(days) == DAYS_LISTED else None,
            "later": until < today,
        }
        return render(request, "audit/review.html", context)


class ReviewDayView(PortalView):
    """/audit/review/<day>/ — one day of UTC, and its sign-off."""

    access = {"GET": "audit.view", "POST": "audit.review"}
    step_up = staticmethod(sends_form)

    def get(self, request: HttpRequest, day: str) -> HttpResponse:
        """Show the findings of the day."""
        return self._page(request, _day_or_404(day), SignOffForm(), 200)

    def post(self, request: HttpRequest, day: str) -> HttpResponse:
        """Sign the day off; 422 without a note, 409 if that is not possible."""
        wanted, form = _day_or_404(day), SignOffForm(request.POST)
        if not form.is_valid():
            return self._page(request, wanted, form, 422)
        try:
            note = form.cleaned_data["note"]
            sign_off_day(by=request.user, origin=origin_of(request), day=wanted, note=note)
        except ReviewRefused as refusal:
            messages.error(request, str(refusal))
            return self._page(request, wanted, form, 409)
        messages.success(request, f"{wanted} signed off.")
        return redirect("audit:review")

    def _page(self, request: HttpRequest, wanted: date, form: SignOffForm, status: int) -> HttpResponse:
        day = get_day(wanted)
        found, before = get_sections(day), wanted - timedelta(days=1)
        sections = [section for section in found if section.events or section.left_off]
        context = {
            "tab": "review",
            "day": day,
            "day_state": render_day_state(day),
            "form": form,
            "sections": [
                (
                    section,
                    urlencode(section.query),
                    build_event_table(request, section.events, label=section.rule.title),
                )
                for section in sections
            ],
            "rules_without_findings": [section.rule for section in found if section not in sections],
            "before": before if before >= (get_first_day() or wanted) else None,
            "after": wanted + timedelta(days=1) if day.over else None,
        }
        return render(request, "audit/review_day.html", context, status=status)


def _parse_day(text: str) -> date | None:
    """Parse a day of this millennium; None for any other text."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day > EARLIEST and str(day) == text else None


def _day_or_404(text: str) -> date:
    """Parse a day. Raises Http404 if it is invalid, before the beginning of the trail or in the future."""
    day, today = _parse_day(text), timezone.now().astimezone(UTC).date()
    if day is None or not (get_first_day() or today) <= day <= today:
        raise Http404
    return day
