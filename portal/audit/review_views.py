"""The pages of the daily review: the days with their sign-off, and one day with what deserves a look."""

from datetime import UTC, date, timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.audit.daily_review import (
    ReviewRefused,
    get_day,
    get_first_day,
    get_sections,
    list_days,
    sign_off_day,
)
from portal.audit.recording import origin_of
from portal.core.field_types import TextField
from portal.core.view_access import sends_form
from portal.core.views import PortalView

DAYS = 30
EARLIEST = date(2000, 1, 1)


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
        """Show DAYS days, until `until` in the address if it is set."""
        today = timezone.now().astimezone(UTC).date()
        until = min(_day(request.GET.get("until", "")) or today, today)
        days = list_days(until=until, count=DAYS)
        context = {
            "tab": "review",
            "rows": [(day, day.events) for day in days],
            "due": sum(day.due for day in days),
            "over": sum(day.over for day in days),
            "earlier": until - timedelta(days=DAYS) if len(days) == DAYS else None,
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
            "form": form,
            "sections": [(section, urlencode(section.query)) for section in sections],
            "calm": [section.look for section in found if section not in sections],
            "before": before if before >= (get_first_day() or wanted) else None,
            "after": wanted + timedelta(days=1) if day.over else None,
        }
        return render(request, "audit/review_day.html", context, status=status)


def _day(text: str) -> date | None:
    """Parse a day of this millennium; None for any other text."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day > EARLIEST and str(day) == text else None


def _day_or_404(text: str) -> date:
    """Parse a day. Raises Http404 if it is invalid, before the beginning of the trail or in the future."""
    day, today = _day(text), timezone.now().astimezone(UTC).date()
    if day is None or not (get_first_day() or today) <= day <= today:
        raise Http404
    return day
