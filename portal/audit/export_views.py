"""The page that asks why the trail is taken out, then streams it or has it written; and what was written."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from portal.audit.background_exports import KIND, find_export_file, get_export_ref, start_export
from portal.audit.csv_export import SEPARATORS
from portal.audit.exports import FORMATS, ExportRefused, generate_export, prepare_export, record_export
from portal.audit.filters import EventFilter, parse_filters
from portal.audit.pagination import describe_count
from portal.audit.recording import origin_of, record_event
from portal.audit.search import select_events
from portal.audit.views import filter_query, zone_of
from portal.core.field_types import TextField
from portal.core.views import PortalView
from portal.tasks.models import State, TaskRun
from portal.tasks.services import TaskNotPossible, owner_of

_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "html": "text/html"}


class ExportForm(forms.Form):
    """In which form, and why."""

    form = forms.ChoiceField(choices=list(FORMATS.items()), label="Format")
    reason = TextField(
        max_length=500, label="Reason", help_text="Recorded in the audit trail with your name and the filter."
    )
    separator = forms.ChoiceField(
        required=False,
        choices=[("comma", "Comma"), ("semicolon", "Semicolon (European Excel)"), ("tab", "Tab")],
        label="CSV separator",
    )
    background = forms.BooleanField(
        required=False,
        label="Export in the background",
        help_text=f"Exports of more than {settings.AUDIT_EXPORT_INLINE_ROWS:,} events always run in the "
        "background. You can download the file for 24 hours.",
    )


class ExportView(PortalView):
    """/audit/export/ — the events of a filter as a file."""

    access = "audit.export"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what would be exported."""
        return self._page(request, ExportForm(), parse_filters(request.GET, zone_of(request)), 200)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Record the export, then stream it or start it in the background; 422 without a reason."""
        form, wanted = ExportForm(request.POST), parse_filters(request.GET, zone_of(request))
        if not form.is_valid():
            return self._page(request, form, wanted, 422)
        try:
            return _start_or_stream(request, wanted, form.cleaned_data)
        except (ExportRefused, TaskNotPossible) as refusal:
            form.add_error(None, str(refusal))
            return self._page(request, form, wanted, 422)

    def _page(self, request: HttpRequest, form: ExportForm, wanted: EventFilter, status: int) -> HttpResponse:
        selection = select_events(wanted)
        context = {
            "form": form,
            "filter_words": wanted.words,
            "filter_query": filter_query(wanted),
            "count": describe_count(selection),
            "problems": selection.problems,
        }
        return render(request, "audit/export.html", context, status=status)


class ExportFileView(PortalView):
    """/audit/export/<id>/ — the file of an export in the background, only for its owner."""

    access = "audit.export"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Record the download and send the file; redirect to the list with a message if it has expired."""
        run = get_object_or_404(TaskRun, pk=pk, kind=KIND, owner_id=request.user.pk)
        path = find_export_file(run, timezone.now())
        if path is None:
            messages.error(request, _describe_missing(run))
            return redirect("tasks:list")
        record_event(action="audit.export_downloaded", origin=origin_of(request), object=get_export_ref(run))
        form = str(run.arguments["form"])
        return _set_headers(FileResponse(path.open("rb")), form, run.created_at)


def _describe_missing(run: TaskRun) -> str:
    """Say why there is no file: it has expired, or it is in the data folder of another server."""
    if run.state == State.DONE and run.result and run.result_until and run.result_until > timezone.now():
        return (
            "The file of this export is not on this server, although it has not expired. The portal’s "
            "servers may use different data folders. Ask your admin to check /healthz/ready."
        )
    return "This export has been deleted. Start a new one from the audit trail."


def _start_or_stream(request: HttpRequest, wanted: EventFilter, asked: dict[str, Any]) -> HttpResponseBase:
    form, origin = asked["form"], origin_of(request)
    separator = SEPARATORS[asked["separator"] or "comma"]
    export = prepare_export(wanted=wanted, reason=asked["reason"], origin=origin)
    with transaction.atomic():
        record_export(export=export, wanted=wanted, form=form, origin=origin)
        if export.rows > settings.AUDIT_EXPORT_INLINE_ROWS or asked["background"]:
            zone, owner = getattr(request.user, "timezone", ""), owner_of(request)
            start_export(
                export=export, wanted=wanted, form=form, zone=zone, owner=owner, origin=origin,
                separator=separator,
            )  # fmt: skip
            messages.success(request, "The export is running. You can download it here when it is done.")
            return redirect("tasks:list")
    lines = generate_export(export, form, zone_of(request), separator)
    return _set_headers(StreamingHttpResponse(lines), form, timezone.now())


def _set_headers(answer: StreamingHttpResponse, form: str, made_at: datetime) -> StreamingHttpResponse:
    """Set the headers of a file: the report is shown in the browser, the other formats are downloaded."""
    answer["Content-Type"] = f"{_TYPES[form]}; charset=utf-8"
    name, shown = f"audit-{made_at:%Y%m%d-%H%M%S}.{form}", "inline" if form == "html" else "attachment"
    answer["Content-Disposition"] = f'{shown}; filename="{name}"'
    return answer
