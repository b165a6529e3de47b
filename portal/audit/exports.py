"""Takes any filter of the trail out as CSV, JSON Lines or a report to print: recorded, then streamed."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html

from portal.audit.filters import Wanted
from portal.audit.models import Event, Head
from portal.audit.queries import Selection, selection_of
from portal.audit.services import Origin, event_record
from portal.console.moments import moment_shown

FORMATS = {"csv": "CSV, for spreadsheets", "jsonl": "JSON Lines, for programs", "html": "Report, to print"}
COLUMNS = (
    "sequence", "time", "actor_id", "actor_name", "actor_role", "session", "address", "request_id",
    "connection", "action", "operation", "object_kind", "object_guid", "object_name", "parent_guid",
    "parent_name", "change_id", "reason", "outcome", "code", "gateway_request_id", "request", "answer",
    "before", "after", "message", "duration_ms", "key_id", "previous_hash", "hash",
)  # fmt: skip
CHUNK = 1000
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
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
        """What every format says about itself."""
        return {
            "Filter": self.filter_words,
            "Rows": str(self.rows),
            "Head of the chain": f"row {self.head_sequence}, {self.head_hash}",
            "Exported by": self.made_by,
            "Exported at": _utc(self.made_at),
            "Reason": self.reason,
        }


def export_prepare(*, wanted: Wanted, form: str, reason: str, origin: Origin) -> Export:
    """Counts the rows and records the export, before a byte of it exists. Raises AuditUnavailable."""
    head, selection = Head.objects.get(pk=1), selection_of(wanted)
    rows = selection.events(below=head.sequence + 1).count()
    event_record(
        action="audit.exported",
        origin=origin,
        reason=reason,
        message=f"{rows} rows as {form}: {wanted.words}",
        request={"filter": wanted.values, "format": form, "rows": rows, "head": head.sequence},
    )
    return Export(
        selection, wanted.words, rows, head.sequence, head.hash, origin.actor_name, timezone.now(), reason
    )


def export_lines(export: Export, form: str, zone: Any) -> Iterator[str]:
    """The text of the export in pieces, oldest event first; memory stays flat however many there are."""
    if form == "csv":
        return _csv(export)
    return _json_lines(export) if form == "jsonl" else _report(export, zone)


def cell_defused(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _chunks(export: Export) -> Iterator[list[Any]]:
    """Rows as tuples of COLUMNS, page by page: no cursor stays open while somebody downloads slowly."""
    last = 0
    while last < export.head_sequence:
        events = export.selection.events(above=last, below=export.head_sequence + 1, oldest_first=True)
        rows = list(events.values_list(*COLUMNS)[:CHUNK])
        if not rows:
            return
        yield rows
        last = rows[-1][0]


class _Echo:
    """Hands back what the CSV writer writes."""

    def write(self, text: str) -> str:
        return text


def _csv(export: Export) -> Iterator[str]:
    writer = csv.writer(_Echo())
    facts = [writer.writerow([f"# {name}", cell_defused(value)]) for name, value in export.facts.items()]
    # The mark in front tells spreadsheets that it is UTF-8.
    yield "".join(["\ufeff", *facts, writer.writerow([*COLUMNS, "what happened"])])
    for rows in _chunks(export):
        yield "".join(writer.writerow(_cells(row)) for row in rows)


def _cells(row: Sequence[Any]) -> list[Any]:
    sentence = _event(row).sentence
    return [_utc(value) if isinstance(value, datetime) else cell_defused(value) for value in (*row, sentence)]


def _event(row: Sequence[Any]) -> Event:
    return Event(**dict(zip(COLUMNS, row, strict=True)))


def _json_lines(export: Export) -> Iterator[str]:
    yield json.dumps({"export": export.facts}, ensure_ascii=False) + "\n"
    for rows in _chunks(export):
        yield "".join(_json_line(row) for row in rows)


def _json_line(row: Sequence[Any]) -> str:
    values = dict(zip(COLUMNS, row, strict=True))
    values["time"] = _utc(values["time"])
    for name in ("request", "answer", "before", "after"):
        values[name] = json.loads(values[name]) if values[name] else None
    return json.dumps(values, ensure_ascii=False) + "\n"


def _report(export: Export, zone: Any) -> Iterator[str]:
    context = {"export": export, "rows_here": _ROWS_HERE}
    begin, _, end = render_to_string("audit/report.html", context).partition(_ROWS_HERE)
    yield begin
    for rows in _chunks(export):
        yield "".join(_report_row(row, zone) for row in rows)
    yield end


def _report_row(row: Sequence[Any], zone: Any) -> str:
    event = _event(row)
    cells = (event.sequence, moment_shown(event.time, zone), event.sentence, event.outcome, event.object_guid)
    return format_html("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", *cells)


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")
