"""The audit trail as a file for auditors: every column of every row, streamed, and itself on record."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.pages import events_filtered, filters_asked
from portal.audit.services import event_record, origin_of
from portal.console.views import PortalView

COLUMNS = [field.attname for field in Event._meta.concrete_fields]
CHUNK = 500
# How a spreadsheet recognises a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class EventExportView(PortalView):
    """/audit/export/ — CSV, oldest first, narrowed by the list's filters. Recorded before the first line."""

    access = "audit.export"

    def get(self, request: HttpRequest) -> StreamingHttpResponse:
        """The file. Raises AuditUnavailable if the export cannot be put on record: then there is none."""
        asked = filters_asked(request.GET)
        narrowed = ", ".join(f"{name}={value}" for name, value in asked.items() if value)
        mark = event_record(
            action="audit.exported", origin=origin_of(request), message=narrowed or "all of it"
        )
        events = events_filtered(asked).filter(sequence__lt=mark.sequence).order_by("sequence")
        response = StreamingHttpResponse(_lines(events), content_type="text/csv; charset=utf-8")
        name = f"audit-trail-{timezone.now():%Y-%m-%d-%H%M%S}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response


class _Line:
    """What a csv.writer writes to: it hands each line back."""

    def write(self, text: str) -> str:
        """The line itself."""
        return text


def _lines(events: QuerySet[Event]) -> Iterator[str]:
    """The file's lines; the mark in front tells spreadsheets that it is UTF-8."""
    writer: Any = csv.writer(_Line())
    yield "\ufeff" + writer.writerow([*COLUMNS, "what happened"])
    for event in events.iterator(chunk_size=CHUNK):
        yield writer.writerow([*(_cell(getattr(event, name)) for name in COLUMNS), _cell(event.sentence)])


def _cell(value: Any) -> str:
    """Text that no spreadsheet takes for a formula; times as ISO 8601 in UTC."""
    text = value.isoformat() if hasattr(value, "isoformat") else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
