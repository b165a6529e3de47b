"""Pages of the proof: verify the chain, anchor its head."""

import time

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.audit.anchors import AnchorUnavailable, anchor_file, anchor_write, anchors_read
from portal.audit.models import Event, Head
from portal.audit.services import Origin, event_record, origin_of
from portal.audit.verification import Report, audit_verify, verdict_of
from portal.console.views import PortalView


class VerifyView(PortalView):
    """/audit/verify/ — what was proved when, and the button that proves it again."""

    access = "audit.verify"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The last runs and anchors."""
        return render(request, "audit/verify.html", _context())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Reads the chain, whole or since the last anchor, and names the first broken row."""
        started = time.monotonic()
        report = audit_verify(since_anchor=request.POST.get("scope") == "anchor")
        seconds = time.monotonic() - started
        if report.whole:
            verified_record(report, origin_of(request))
        context = {"report": report, "verdict": verdict_of(report), "seconds": seconds}
        return render(request, "audit/verify.html", _context() | context)


class AnchorView(PortalView):
    """/audit/anchor/ — writes the head of the chain outside the database, now."""

    access = "audit.verify"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Records that it was asked for, and anchors that record with all before it."""
        try:
            sequence = anchored_record(origin_of(request))
            messages.success(request, f"The head of the chain, row {sequence}, is anchored.")
        except AnchorUnavailable as error:
            messages.error(request, str(error))
        return redirect("audit:verify")


def verified_record(report: Report, origin: Origin) -> None:
    """Notes a run that found the trail whole. A broken one is left as it was found: it is evidence."""
    event_record(action="audit.verified", origin=origin, message=verdict_of(report))


def anchored_record(origin: Origin) -> int:
    """Records and writes an anchor; the row it holds. Raises AnchorUnavailable."""
    event = event_record(action="audit.anchored", origin=origin)
    anchor = anchor_write()
    return anchor.sequence if anchor else event.sequence


def _context() -> dict[str, object]:
    try:
        anchors, unreadable = anchors_read()[-10:][::-1], False
    except AnchorUnavailable:
        anchors, unreadable = [], True
    return {
        "runs": Event.objects.filter(action="audit.verified")[:5],
        "anchors": anchors,
        "unreadable": unreadable,
        "anchor_file": anchor_file(),
        "head": Head.objects.filter(pk=1).first(),
    }
