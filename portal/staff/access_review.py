"""The access matrix, who may do what where, as a page and as CSV, and its regular review.

Reviewers sign the digest of the table that they saw.
"""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from portal.audit.csv_lines import defuse_cell
from portal.audit.models import Event
from portal.audit.recording import Origin, origin_of, record_event
from portal.core.bidi import isolate
from portal.core.dashboard import CARDS, DashboardCard
from portal.core.datetimes import format_datetime, get_time_zone
from portal.core.forms import show_refusal
from portal.core.permissions import PERMISSIONS, describe_permissions, permissions_by_area, within_tenants
from portal.core.tables import Column, Table, secondary
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.access_seals import describe_disagreements
from portal.staff.forms import ReviewForm
from portal.staff.identity import get_user
from portal.staff.models import User
from portal.staff.roles import get_roles
from portal.staff.services import StaffRefused, authorise
from portal.staff.tenant_access import describe_tenant_access
from portal.staff.user_page import record_refusal


@dataclass(frozen=True, slots=True)
class Row:
    """A user who can sign in: role, tenants in full and in short, and permissions."""

    user: User
    role: str
    places: list[str]
    where: list[str]
    rights: frozenset[str]

    @property
    def cells(self) -> list[tuple[str, list[str]]]:
        """Return (area, words) for each area with a permission, in the order of `get_areas`."""
        return describe_permissions(self.rights)


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """The last review, if any, and the next. `due_at` is None if reviews are switched off."""

    last: Event | None
    due_at: datetime | None

    @property
    def overdue(self) -> bool:
        """Whether the next review is late."""
        return self.due_at is not None and self.due_at < timezone.now()

    @property
    def digest(self) -> str:
        """The digest of the table at the last review, "" if there was none."""
        after = self.last.after_data if self.last else None
        return str(after.get("digest", "")) if isinstance(after, dict) else ""


def get_areas() -> list[str]:
    """Return the headings of all permissions."""
    return list(permissions_by_area(list(PERMISSIONS)))


def get_access_rows() -> list[Row]:
    """Return the users who can sign in, by username, with five queries."""
    known = get_roles()
    users = User.objects.filter(is_active=True).prefetch_related("groups", "tenant_scopes")
    rows = []
    for user in users.order_by("username"):
        role = next((group.name for group in user.groups.all()), "")
        held = known.get(role, frozenset())
        rights = within_tenants(held) if user.is_limited else held
        rows.append(
            Row(
                user,
                role,
                describe_tenant_access(user),
                describe_tenant_access(user, short=True),
                rights,
            )
        )
    return rows


def compute_access_digest(rows: Sequence[Row]) -> str:
    """Return 64 hex digits that change with any permission, role or tenant in the table."""
    told = [[row.user.username, row.role, row.places, sorted(row.rights)] for row in rows]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def get_review_status() -> ReviewStatus:
    """Return the last review and when the next is due: ACCESS_REVIEW_DAYS later, or at once."""
    last = Event.objects.filter(action="staff.access_reviewed").order_by("-sequence").first()
    days = settings.ACCESS_REVIEW_DAYS
    if not days:
        return ReviewStatus(last, None)
    return ReviewStatus(
        last, last.time + timedelta(days=days) if last else timezone.now() - timedelta(days=1)
    )


def record_access_review(*, by: User, origin: Origin, note: str, seen: str) -> None:
    """Record the sign-off of the table with the digest `seen`. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        authorise(by, "access.review")
        rows = get_access_rows()
        digest = compute_access_digest(rows)
        if digest != seen:
            raise StaffRefused("Permissions changed while you were reviewing. Check the table again.")
        record_event(
            action="staff.access_reviewed",
            origin=origin,
            reason=note,
            after={"people": len(rows), "digest": digest},
            message=f"{len(rows)} {'user' if len(rows) == 1 else 'users'}",
        )


class AccessView(PortalView):
    """/staff/access/: who may do what where."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the table and the state of the reviews."""
        return render(request, "staff/access.html", get_matrix(request))


class AccessReviewView(PortalView):
    """/staff/access/review/: the same table, to sign off."""

    access = "access.review"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the table with the form."""
        context = get_matrix(request)
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
            record_refusal(request, refusal)
            show_refusal(form, refusal)
        return render(request, "staff/access.html", get_matrix(request) | {"form": form}, status=422)


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
            signed_in = row.user.last_login.strftime("%Y-%m-%d %H:%M") if row.user.last_login else ""
            told = [row.user.username, row.user.called, row.role, "; ".join(row.places), signed_in]
            may = dict(row.cells)
            cells = ["; ".join(may.get(area, ())) for area in get_areas()]
            writer.writerow([defuse_cell(text) for text in [*told, *cells]])
        return response


def get_matrix(request: HttpRequest) -> dict[str, Any]:
    """Return the template context of the table."""
    rows, zone = get_access_rows(), get_time_zone(getattr(request.user, "timezone", ""))
    columns = (
        Column(
            label="User",
            value=lambda row: format_html(
                '<a href="{}">{}</a><div class="text-secondary fw-normal">{}<br>Last sign-in: {}</div>',
                reverse("staff:page", args=[row.user.pk]),
                isolate(row.user.called),
                isolate(row.user.username),
                format_datetime(row.user.last_login, zone) if row.user.last_login else "never",
            ),
            is_heading=True,
        ),
        Column(label="Role", value=lambda row: row.role or "none"),
        Column(
            label="Where",
            value=lambda row: format_html_join(
                "", "<div>{}</div>", ((isolate(place),) for place in row.where)
            ),
        ),
        Column(
            label="Permissions",
            value=lambda row: (
                format_html(
                    '<dl class="rights">{}</dl>',
                    format_html_join(
                        "",
                        "<div><dt>{}</dt><dd>{}</dd></div>",
                        ((area, ", ".join(words)) for area, words in row.cells),
                    ),
                )
                if row.rights
                else secondary("none")
            ),
        ),
    )
    return {
        "rows": rows,
        "table": Table(request, columns, rows, label="Users and their permissions", css="card-table"),
        "digest": compute_access_digest(rows),
        "review_status": get_review_status(),
        "disabled": User.objects.filter(is_active=False).order_by("username"),
        "now": timezone.now(),
        "past_the_portal": describe_disagreements(),
    }


def review_due(request: HttpRequest) -> Mapping[str, Any]:
    """Return `review_status`, the state of the reviews, for the dashboard card."""
    return {"review_status": get_review_status()}


def register_card() -> None:
    """Register the card that reminds of a due review."""
    template = "staff/home_review.html"
    CARDS.register(
        "access-review", DashboardCard(template, access="access.review", order=15, context=review_due)
    )
