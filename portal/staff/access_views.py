"""The access matrix as a page and as CSV, and its review."""

import csv
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.audit.csv_export import defuse_cell
from portal.audit.recording import origin_of
from portal.core.dashboard import CARDS, DashboardCard
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.access_matrix import (
    compute_access_digest,
    get_access_rows,
    get_areas,
    get_review_status,
    record_access_review,
)
from portal.staff.access_seals import describe_disagreements
from portal.staff.forms import ReviewForm
from portal.staff.models import User
from portal.staff.services import StaffRefused
from portal.staff.user_page import describe_refusal, get_user


class AccessView(PortalView):
    """/staff/access/: who may do what where."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the table and the state of the reviews."""
        return render(request, "staff/access.html", get_matrix())


class AccessReviewView(PortalView):
    """/staff/access/review/: the same table, to sign off."""

    access = "access.review"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the table with the form."""
        context = get_matrix()
        form = drafted(request, partial(ReviewForm, initial={"seen": context["digest"]}))
        return render(request, "staff/access.html", context | {"form": form})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Record the review, or show the table again if it has changed."""
        form = ReviewForm(request.POST)
        try:
            if form.is_valid():
                record_access_review(by=get_user(request), origin=origin_of(request), **form.cleaned_data)
                messages.success(request, "Your review is recorded in the audit trail.")
                return redirect("staff:access")
        except StaffRefused as refusal:
            form = ReviewForm({**request.POST.dict(), "seen": compute_access_digest(get_access_rows())})
            form.add_error(None, describe_refusal(request, refusal))
        return render(request, "staff/access.html", get_matrix() | {"form": form}, status=422)


class AccessFileView(PortalView):
    """/staff/access/file/: the table as CSV, a row for each user."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the file, with formulas defused."""
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="access-{timezone.now():%Y-%m-%d}.csv"'
        writer = csv.writer(response)
        writer.writerow(["Username", "Name", "Role", "Where", "Last sign-in (UTC)", *get_areas()])
        for row in get_access_rows():
            signed_in = row.person.last_login.strftime("%Y-%m-%d %H:%M") if row.person.last_login else ""
            told = [row.person.username, row.person.called, row.role, "; ".join(row.places), signed_in]
            may = dict(row.cells)
            cells = ["; ".join(may.get(area, ())) for area in get_areas()]
            writer.writerow([defuse_cell(text) for text in [*told, *cells]])
        return response


def get_matrix() -> dict[str, Any]:
    """Return the template context of the table."""
    rows = get_access_rows()
    return {
        "rows": rows,
        "digest": compute_access_digest(rows),
        "standing": get_review_status(),
        "disabled": User.objects.filter(is_active=False).order_by("username"),
        "now": timezone.now(),
        "past_the_portal": describe_disagreements(),
    }


def review_due(request: HttpRequest) -> Mapping[str, Any]:
    """Return `standing`, the state of the reviews, for the dashboard card."""
    return {"standing": get_review_status()}


def register_card() -> None:
    """Register the card that reminds of a due review."""
    template = "staff/home_review.html"
    CARDS.register(
        "access-review", DashboardCard(template, access="access.review", order=15, context=review_due)
    )
