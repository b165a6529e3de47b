"""The page that asks why the trail is taken out, and then streams it."""

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.audit.exports import FORMATS, export_lines, export_prepare
from portal.audit.filters import Wanted, wanted_of
from portal.audit.pages import count_words
from portal.audit.queries import selection_of
from portal.audit.services import origin_of
from portal.audit.views import filter_query, zone_of
from portal.console.views import PortalView

_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "html": "text/html"}


class ExportForm(forms.Form):
    """In which form, and why."""

    form = forms.ChoiceField(choices=list(FORMATS.items()), label="Format")
    reason = forms.CharField(
        max_length=500, label="Reason", help_text="Stays in the audit trail, with your name and the filter."
    )


class ExportView(PortalView):
    """/audit/export/ — the events of a filter as a file."""

    access = "audit.export"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What would be exported."""
        return self._page(request, ExportForm(), wanted_of(request.GET, zone_of(request)), 200)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Records the export, then streams it; 422 without a reason."""
        form, wanted = ExportForm(request.POST), wanted_of(request.GET, zone_of(request))
        if not form.is_valid():
            return self._page(request, form, wanted, 422)
        kind = form.cleaned_data["form"]
        export = export_prepare(
            wanted=wanted, form=kind, reason=form.cleaned_data["reason"], origin=origin_of(request)
        )
        lines = export_lines(export, kind, zone_of(request))
        answer = StreamingHttpResponse(lines, content_type=f"{_TYPES[kind]}; charset=utf-8")
        name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
        # The report is looked at and printed, the others are kept.
        answer["Content-Disposition"] = f'{"inline" if kind == "html" else "attachment"}; filename="{name}"'
        return answer

    def _page(self, request: HttpRequest, form: ExportForm, wanted: Wanted, status: int) -> HttpResponse:
        context = {
            "form": form,
            "filter_words": wanted.words,
            "filter_query": filter_query(wanted),
            "count": count_words(selection_of(wanted)),
        }
        return render(request, "audit/export.html", context, status=status)
