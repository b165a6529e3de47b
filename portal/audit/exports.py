"""Export filtered events as CSV, JSON Lines or a report to print. An export is recorded, then streamed."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html

from portal.audit.csv_export import format_csv_line, format_event_line
from portal.audit.event_json import COLUMNS, format_utc, get_event_values
from portal.audit.event_types import describe_event, describe_event_html
from portal.audit.filters import EventFilter
from portal.audit.models import ChainHead, Event
from portal.audit.recording import Origin, record_event
from portal.audit.search import Selection, get_events, select_events
from portal.core.datetimes import format_datetime

FORMATS = {"csv": "CSV, for spreadsheets", "jsonl": "JSON Lines, for programs", "html": "Report, to print"}
# The time is read as text: Python makes a time of it in a quarter of what the database's driver takes.
_READ = tuple("stamp" if name == "time" else name for name in COLUMNS)
_TIME = COLUMNS.index("time")
# Where the columns begin and end that hold JSON.
_FIRST, _LAST = COLUMNS.index("request"), COLUMNS.index("after") + 1
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
        return _csv(export, separator)
    return _json_lines(export) if form == "jsonl" else _report(export, zone)


def _chunks(export: Export) -> Iterator[QuerySet[Event, Any]]:
    """Yield rows as named tuples of _READ, page by page: no cursor stays open during a slow download."""
    last, until, find = 0, export.head_sequence + 1, export.selection.numbers
    while numbers := find(CHUNK, above=last, below=until, oldest_first=True, seconds=math.inf).found:
        events = get_events(numbers).annotate(stamp=Cast("time", TextField()))
        yield events.values_list(*_READ, named=True)
        last = numbers[-1]


def _csv(export: Export, separator: str) -> Iterator[str]:
    facts = [format_csv_line((f"# {name}", value), separator) for name, value in export.facts.items()]
    # The byte order mark makes spreadsheets read it as UTF-8.
    yield "".join(["\ufeff", *facts, format_csv_line((*COLUMNS, "what happened"), separator)])
    for rows in _chunks(export):
        yield "".join(_csv_line(row, separator) for row in rows)


def _csv_line(row: Any, separator: str) -> str:
    texts = ["" if cell is None else str(cell) for cell in (*row, describe_event(row))]
    texts[_TIME] = format_utc(_time(row.stamp))
    return format_event_line(texts[:_FIRST], texts[_FIRST:_LAST], texts[_LAST:], separator)


def _json_lines(export: Export) -> Iterator[str]:
    yield json.dumps({"export": export.facts}, ensure_ascii=False) + "\n"
    for rows in _chunks(export):
        values = (get_event_values((row[0], _time(row.stamp), *row[2:])) for row in rows)
        yield "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def _report(export: Export, zone: Any) -> Iterator[str]:
    context = {"export": export, "rows_here": _ROWS_HERE, "zone": zone}
    begin, _, end = render_to_string("audit/report.html", context).partition(_ROWS_HERE)
    yield begin
    for rows in _chunks(export):
        yield "".join(_report_row(row, zone) for row in rows)
    yield end


def _report_row(row: Any, zone: Any) -> str:
    when = format_datetime(_time(row.stamp), zone)
    cells = (row.sequence, when, describe_event_html(row), row.outcome, row.object_guid)
    return format_html("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", *cells)


def _time(stamp: str) -> datetime:
    """Parse a time as the databases write it, SQLite without its zone."""
    when = datetime.fromisoformat(stamp)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
