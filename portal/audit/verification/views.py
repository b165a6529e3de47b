"""Pages of the proof: verify the chain, anchor its head."""

from django import forms
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.audit.anchors import (
    AnchorUnavailable,
    find_anchor_problem,
    get_anchor_file,
    read_anchors,
    write_anchor,
)
from portal.audit.filters import get_user_zone
from portal.audit.forwarding.delivery import end_mail_pauses
from portal.audit.list_tables import build_event_table
from portal.audit.models import ChainHead
from portal.audit.recording import Origin, origin_of, record_event
from portal.audit.triggers import find_missing_triggers
from portal.audit.verification.jobs import (
    Extent,
    NoSuchRows,
    get_verification_events,
    get_verifications,
    parse_extent,
    select_results,
    start_verification,
)
from portal.audit.verification.report import find_broken_event
from portal.core.forms import show_refusal
from portal.core.views import PortalView
from portal.tasks.models import State
from portal.tasks.presentation import build_rows
from portal.tasks.recovery import is_worker_running
from portal.tasks.services import TaskNotPossible, owner_of


class PartForm(forms.Form):
    """Which part of the trail to verify."""

    first = forms.CharField(
        required=False, max_length=40, label="From", help_text="A row number or a day such as 2026-11-01."
    )
    last = forms.CharField(
        required=False,
        max_length=40,
        label="To",
        help_text="Inclusive. Leave empty for the end of the trail.",
    )


class VerifyView(PortalView):
    """/audit/verify/ — what was proved when, and the buttons that prove it again."""

    access = "audit.verify"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the last verifications and anchors."""
        return self._page(request, PartForm(), 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Start a verification of `scope` all, anchor or part; 422 for an invalid part."""
        form = PartForm(request.POST)
        try:
            if not form.is_valid() and request.POST.get("scope") == "part":
                return self._page(request, form, 422)
            extent = Extent(since_anchor=request.POST.get("scope") == "anchor")
            if request.POST.get("scope") == "part":
                first, last = form.cleaned_data["first"], form.cleaned_data["last"]
                extent = parse_extent(first, last, get_user_zone(request.user))
            start_verification(extent=extent, owner=owner_of(request), origin=origin_of(request))
        except NoSuchRows as problem:
            show_refusal(form, problem, field="first")
            return self._page(request, form, 422)
        except TaskNotPossible as refusal:
            messages.error(request, str(refusal))
        return redirect("audit:verify")

    def _page(self, request: HttpRequest, form: PartForm, status: int) -> HttpResponse:
        try:
            anchors, unreadable = read_anchors()[-10:][::-1], False
        except AnchorUnavailable:
            anchors, unreadable = [], True
        runs, broken = get_verifications(), find_broken_event()
        results = select_results(runs, broken)
        under_way = [run for run in runs if run.is_open]
        context = {
            "form": form,
            "under_way": build_rows(under_way),
            "no_worker": bool(under_way) and not is_worker_running(),
            "results": results,
            "broken": None if any(not run.result["whole"] for run in results) else broken,
            "failed": build_rows(run for run in runs[:1] if run.state == State.FAILED),
            "table": build_event_table(request, get_verification_events()),
            "unguarded": find_missing_triggers(connection),
            "anchors": anchors,
            "unreadable": unreadable,
            "anchor_file": get_anchor_file(),
            "anchors_trouble": find_anchor_problem(),
            "head": ChainHead.objects.filter(pk=1).first(),
        }
        return render(request, "audit/verify.html", context, status=status)


class AnchorView(PortalView):
    """/audit/anchor/ — writes the head of the chain outside the database, now."""

    access = "audit.verify"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Record the request and anchor the trail up to this record."""
        try:
            sequence = record_anchor(origin_of(request))
            messages.success(request, f"Anchor recorded at row {sequence}, the end of the chain.")
        except AnchorUnavailable as error:
            messages.error(request, str(error))
        return redirect("audit:verify")


def record_anchor(origin: Origin) -> int:
    """Record and write an anchor, to be forwarded; return its row. Raises AnchorUnavailable."""
    event = record_event(action="audit.anchored", origin=origin)
    anchor = write_anchor()
    end_mail_pauses()
    return anchor.sequence if anchor else event.sequence
