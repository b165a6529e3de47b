"""Export filtered events as CSV, JSON Lines or a report to print: recorded first, then streamed.

Large exports are written to a file in the background, which their owner can download for a day.
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.db.models import TextField as TextColumn
from django.db.models.functions import Cast
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from portal.audit.csv_lines import SEPARATORS, format_csv_line, format_event_line
from portal.audit.event_json import COLUMNS, format_utc, get_event_values
from portal.audit.event_types import describe_event, describe_event_html
from portal.audit.filters import EventFilter, get_user_zone, read_filters
from portal.audit.models import ChainHead, Event
from portal.audit.pagination import describe_count
from portal.audit.recording import AuditUnavailable, ObjectRef, Origin, origin_of, record_event
from portal.audit.search import Selection, get_events, select_events
from portal.core.datetimes import format_datetime, get_time_zone
from portal.core.field_types import TextField
from portal.core.forms import show_refusal
from portal.core.views import PortalView
from portal.tasks.models import State, TaskRun
from portal.tasks.registry import TASK_TYPES, Link, Result, TaskType
from portal.tasks.services import (
    Owner,
    TaskFailed,
    TaskNotPossible,
    enqueue_task,
    owner_of,
    report_progress,
)

KIND = "audit.export"
KEPT = timedelta(hours=24)
FORMATS = {"csv": "CSV, for spreadsheets", "jsonl": "JSON Lines, for programs", "html": "Report, to print"}
_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "html": "text/html"}
# The time is read as text: Python makes a time of it in a quarter of what the database's driver takes.
_READ = tuple("stamp" if name == "time" else name for name in COLUMNS)
_TIME = COLUMNS.index("time")
# Where the columns begin and end that hold JSON.
_FIRST_JSON, _AFTER_JSON = COLUMNS.index("request"), COLUMNS.index("after") + 1
CHUNK = 1000
_ROWS_HERE = "rows-of-the-report-are-put-here"


@dataclass(frozen=True)
class Export:
    """What was asked for, frozen: the rows up to the head of that moment, and how many they are."""

    selection: Selection
    filter_words: str
    rows: int
    head_sequence: int
    head_hash: str
    made_by: str
    made_at: datetime
    reason: str

    @property
    def facts(self) -> dict[str, str]:
        """Return the facts that every format states about the export."""
        return {
            "Filter": self.filter_words,
            "Rows": str(self.rows),
            "Head of the chain": f"row {self.head_sequence}, {self.head_hash}",
            "Exported by": self.made_by,
            "Exported at": format_utc(self.made_at),
            "Reason": self.reason,
        }


@dataclass(frozen=True)
class ExportRequest:
    """An export as JSON: enough to make the very same Export again in another process."""

    values: dict[str, str]
    since: str | None
    until: str | None
    rows: int
    head_sequence: int
    head_hash: str
    made_by: str
    made_at: str
    reason: str

    @classmethod
    def of(cls, export: Export, wanted: EventFilter) -> "ExportRequest":
        """Return the request for a prepared export."""
        since, until = (moment.isoformat() if moment else None for moment in (wanted.since, wanted.until))
        return cls(
            wanted.values, since, until, export.rows, export.head_sequence, export.head_hash, export.made_by,
            export.made_at.isoformat(), export.reason,
        )  # fmt: skip

    @property
    def export(self) -> Export:
        """Return the export again from its request."""
        since, until = (datetime.fromisoformat(text) if text else None for text in (self.since, self.until))
        wanted = EventFilter(self.values, since, until)
        return Export(
            select_events(wanted), wanted.words, self.rows, self.head_sequence, self.head_hash, self.made_by,
            datetime.fromisoformat(self.made_at), self.reason,
        )  # fmt: skip


class ExportRefused(Exception):  # noqa: N818 - reads as what happened
    """The filter is not understood, so its events cannot be taken out; the text says why, for people."""


def prepare_export(*, wanted: EventFilter, reason: str, origin: Origin) -> Export:
    """Count the rows of an export. Call it outside transactions: it may take long. Raises ExportRefused."""
    head, selection = ChainHead.objects.get(pk=1), select_events(wanted)
    if selection.problems:
        raise ExportRefused(" ".join(selection.problems.values()))
    rows = selection.events(below=head.sequence + 1).count()
    return Export(
        selection, wanted.words, rows, head.sequence, head.hash, origin.actor_name, timezone.now(), reason
    )


def record_export(*, export: Export, wanted: EventFilter, form: str, origin: Origin) -> None:
    """Record the export before its first byte is written. Raises AuditUnavailable."""
    record_event(
        action="audit.exported",
        origin=origin,
        reason=export.reason,
        message=f"{export.rows} rows as {form}: {wanted.words}",
        request={
            "filter": wanted.values,
            "format": form,
            "rows": export.rows,
            "head": export.head_sequence,
        },
    )


def generate_export(export: Export, form: str, zone: Any, separator: str = ",") -> Iterator[str]:
    """Yield the text of the export in pieces, oldest event first. Memory does not grow with the rows."""
    if form == "csv":
        facts = [format_csv_line((f"# {name}", value), separator) for name, value in export.facts.items()]
        # The byte order mark makes spreadsheets read it as UTF-8.
        yield "".join(["\ufeff", *facts, format_csv_line((*COLUMNS, "what happened"), separator)])
        for rows in _read_chunks(export):
            lines = []
            for row in rows:
                texts = ["" if cell is None else str(cell) for cell in (*row, describe_event(row))]
                texts[_TIME] = format_utc(_parse_stamp(row.stamp))
                documents = texts[_FIRST_JSON:_AFTER_JSON]
                lines.append(
                    format_event_line(texts[:_FIRST_JSON], documents, texts[_AFTER_JSON:], separator)
                )
            yield "".join(lines)
    elif form == "jsonl":
        yield json.dumps({"export": export.facts}, ensure_ascii=False) + "\n"
        for rows in _read_chunks(export):
            values = (get_event_values((row[0], _parse_stamp(row.stamp), *row[2:])) for row in rows)
            yield "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    else:
        context = {"export": export, "rows_here": _ROWS_HERE, "zone": zone}
        begin, _, end = render_to_string("audit/report.html", context).partition(_ROWS_HERE)
        yield begin
        for rows in _read_chunks(export):
            lines = []
            for row in rows:
                when = format_datetime(_parse_stamp(row.stamp), zone)
                cells = (row.sequence, when, describe_event_html(row), row.outcome, row.object_guid)
                lines.append(
                    format_html("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", *cells)
                )
            yield "".join(lines)
        yield end


def _read_chunks(export: Export) -> Iterator[QuerySet[Event, Any]]:
    """Yield rows as named tuples of _READ, page by page: no cursor stays open during a slow download."""
    last, until, find = 0, export.head_sequence + 1, export.selection.numbers
    while numbers := find(CHUNK, above=last, below=until, oldest_first=True, seconds=math.inf).found:
        events = get_events(numbers).annotate(stamp=Cast("time", TextColumn()))
        yield events.values_list(*_READ, named=True)
        last = numbers[-1]


def _parse_stamp(stamp: str) -> datetime:
    """Parse a time as the databases write it, SQLite without its zone."""
    when = datetime.fromisoformat(stamp)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def register_tasks() -> None:
    """Register exports as background work."""
    TASK_TYPES.register(
        KIND,
        TaskType(
            _write_export,
            permission="audit.export",
            link=lambda run: (
                Link("Download", reverse("audit:export_file", args=[run.pk]), "download")
                if run.result
                else None
            ),
            discard=_delete_files,
            step_up=True,
        ),
    )


def start_export(
    *,
    export: Export,
    wanted: EventFilter,
    form: str,
    zone: str,
    owner: Owner,
    origin: Origin,
    separator: str = ",",
) -> TaskRun:
    """Start a prepared and recorded export in the background. Raises TaskNotPossible."""
    arguments = {
        "asked": asdict(ExportRequest.of(export, wanted)),
        "form": form,
        "zone": zone,
        "separator": separator,
        "origin": asdict(origin),
    }
    title = f"Export of the audit trail as {form}: {wanted.words}"
    return enqueue_task(kind=KIND, title=title, owner=owner, arguments=arguments)


def find_export_file(run: TaskRun, now: datetime) -> Path | None:
    """Return the finished file of a run; None if there is none or it has expired."""
    if run.state != State.DONE or not run.result_until or run.result_until <= now:
        return None
    path = _get_folder() / f"{run.pk}.{run.arguments['form']}"
    return path if path.is_file() else None


def get_export_ref(run: TaskRun) -> ObjectRef:
    """Return the export as the object of its events."""
    return ObjectRef("export", str(run.pk), f"{run.created_at:%Y-%m-%d %H:%M} UTC")


def _write_export(
    run: TaskRun, *, asked: dict[str, Any], form: str, zone: str, origin: dict[str, Any], separator: str = ","
) -> Result:
    """Write the file, which only its owner can read, and record that it is finished."""
    export = ExportRequest(**asked).export
    part = _get_folder() / f"{run.pk}.{run.claim}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        for number, piece in enumerate(generate_export(export, form, get_time_zone(zone), separator)):
            file.write(piece)
            report_progress(run=run, done=min(export.rows, number * CHUNK), total=export.rows)
        file.flush()
        os.fsync(handle)
    part.replace(_get_folder() / f"{run.pk}.{form}")
    # A worker that was killed may have recorded the end already.
    ended = Event.objects.filter(connection="", object_guid=str(run.pk), action="audit.export_finished")
    if not ended.exists():
        try:
            record_event(
                action="audit.export_finished",
                origin=Origin(**origin),
                object=get_export_ref(run),
                outcome="success",
                message=f"{export.rows} rows as {form}, up to row {export.head_sequence}, {export.head_hash}",
            )
        except AuditUnavailable as error:
            raise TaskFailed("The audit trail cannot be written, so nothing was exported.") from error
    return Result({"rows": export.rows, "form": form}, message=f"{export.rows:,} rows", keep=KEPT)


def _get_folder() -> Path:
    folder = Path(settings.DATA_DIR) / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _delete_files(run: TaskRun) -> None:
    for path in _get_folder().glob(f"{run.pk}.*"):
        path.unlink(missing_ok=True)


class ExportForm(forms.Form):
    """The format of an export, and its reason."""

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
        return self._page(request, ExportForm(), read_filters(request), 200)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Record the export, then stream it or start it in the background; 422 without a reason."""
        form, wanted = ExportForm(request.POST), read_filters(request)
        if not form.is_valid():
            return self._page(request, form, wanted, 422)
        asked, origin = form.cleaned_data, origin_of(request)
        separator = SEPARATORS[asked["separator"] or "comma"]
        try:
            export = prepare_export(wanted=wanted, reason=asked["reason"], origin=origin)
            in_background = export.rows > settings.AUDIT_EXPORT_INLINE_ROWS or asked["background"]
            with transaction.atomic():
                record_export(export=export, wanted=wanted, form=asked["form"], origin=origin)
                if in_background:
                    start_export(
                        export=export,
                        wanted=wanted,
                        form=asked["form"],
                        zone=getattr(request.user, "timezone", ""),
                        owner=owner_of(request),
                        origin=origin,
                        separator=separator,
                    )
        except (ExportRefused, TaskNotPossible) as refusal:
            show_refusal(form, refusal)
            return self._page(request, form, wanted, 422)
        if in_background:
            messages.success(request, "The export is running. You can download it here when it is done.")
            return redirect("tasks:list")
        lines = generate_export(export, asked["form"], get_user_zone(request.user), separator)
        return _set_headers(StreamingHttpResponse(lines), asked["form"], timezone.now())

    def _page(self, request: HttpRequest, form: ExportForm, wanted: EventFilter, status: int) -> HttpResponse:
        selection = select_events(wanted)
        context = {
            "form": form,
            "filter_words": wanted.words,
            "filter_query": wanted.query,
            "count": describe_count(selection),
            "problems": selection.problems,
        }
        return render(request, "audit/export.html", context, status=status)


class ExportFileView(PortalView):
    """/audit/export/<id>/ — the file of an export in the background, only for its owner."""

    access = "audit.export"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Record the download and send the file; redirect to the list with a message if it has expired."""
        run, now = get_object_or_404(TaskRun, pk=pk, kind=KIND, owner_id=request.user.pk), timezone.now()
        path = find_export_file(run, now)
        if path is None:
            problem = "This export has been deleted. Start a new one from the audit trail."
            if run.state == State.DONE and run.result and run.result_until and run.result_until > now:
                problem = (
                    "The file of this export is not on this server, although it has not expired. The "
                    "portal’s servers may use different data folders. Ask your admin to check /healthz/ready."
                )
            messages.error(request, problem)
            return redirect("tasks:list")
        record_event(action="audit.export_downloaded", origin=origin_of(request), object=get_export_ref(run))
        form = str(run.arguments["form"])
        return _set_headers(FileResponse(path.open("rb")), form, run.created_at)


def _set_headers(answer: StreamingHttpResponse, form: str, made_at: datetime) -> StreamingHttpResponse:
    """Set the headers of a file: the report is shown in the browser, the other formats are downloaded."""
    answer["Content-Type"] = f"{_TYPES[form]}; charset=utf-8"
    name, shown = f"audit-{made_at:%Y%m%d-%H%M%S}.{form}", "inline" if form == "html" else "attachment"
    answer["Content-Disposition"] = f'{shown}; filename="{name}"'
    return answer
