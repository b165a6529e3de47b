"""The access matrix, as a page for paper too, as CSV, and its review."""

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
from portal.staff.access_matrix import access_digest, access_review, access_rows, get_areas, review_standing
from portal.staff.access_seals import disagreement
from portal.staff.forms import ReviewForm
from portal.staff.models import User
from portal.staff.services import StaffRefused
from portal.staff.user_page import refusal_words, user_of


class AccessView(PortalView):
    """/staff/access/ — who may do what where."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The table, and how the reviews stand."""
        return render(request, "staff/access.html", matrix())


class AccessReviewView(PortalView):
    """/staff/access/review/ — the same table, to be signed off."""

    access = "access.review"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The table with the form below."""
        context = matrix()
        form = drafted(request, partial(ReviewForm, initial={"seen": context["digest"]}))
        return render(request, "staff/access.html", context | {"form": form})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Records the review, or shows what has changed meanwhile."""
        form = ReviewForm(request.POST)
        try:
            if form.is_valid():
                access_review(by=user_of(request), origin=origin_of(request), **form.cleaned_data)
                messages.success(request, "Your review is recorded in the audit trail.")
                return redirect("staff:access")
        except StaffRefused as refusal:
            form = ReviewForm({**request.POST.dict(), "seen": access_digest(access_rows())})
            form.add_error(None, refusal_words(request, refusal))
        return render(request, "staff/access.html", matrix() | {"form": form}, status=422)


class AccessFileView(PortalView):
    """/staff/access/file/ — the table as CSV, a row for each person."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The file, safe against what a spreadsheet would take for a formula."""
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="access-{timezone.now():%Y-%m-%d}.csv"'
        writer = csv.writer(response)
        writer.writerow(["Username", "Name", "Role", "Where", "Last sign-in (UTC)", *get_areas()])
        for row in access_rows():
            signed_in = row.person.last_login.strftime("%Y-%m-%d %H:%M") if row.person.last_login else ""
            told = [row.person.username, row.person.called, row.role, "; ".join(row.places), signed_in]
            may = dict(row.cells)
            cells = ["; ".join(may.get(room, ())) for room in get_areas()]
            writer.writerow([defuse_cell(text) for text in [*told, *cells]])
        return response


def matrix() -> dict[str, Any]:
    """What the page shows."""
    rows = access_rows()
    return {
        "rows": rows,
        "digest": access_digest(rows),
        "standing": review_standing(),
        "disabled": User.objects.filter(is_active=False).order_by("username"),
        "now": timezone.now(),
        "past_the_portal": disagreement(),
    }


def review_due(request: HttpRequest) -> Mapping[str, Any]:
    """`standing` for the home page's card."""
    return {"standing": review_standing()}


def home_register() -> None:
    """The card that reminds of a review that is due."""
    template = "staff/home_review.html"
    CARDS.register(
        "access-review", DashboardCard(template, access="access.review", order=15, context=review_due)
    )
