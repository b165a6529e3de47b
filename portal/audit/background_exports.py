"""Large exports as background work: written to a file of their owner, downloadable for a day."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.urls import reverse

from portal.audit.exports import CHUNK, Export, generate_export
from portal.audit.filters import EventFilter
from portal.audit.models import Event
from portal.audit.recording import AuditUnavailable, ObjectRef, Origin, record_event
from portal.audit.search import select_events
from portal.core.datetimes import get_time_zone
from portal.tasks.models import State, TaskRun
from portal.tasks.registry import Link, Result, TaskType, register_task_type
from portal.tasks.services import Owner, TaskFailed, enqueue_task, report_progress

KIND = "audit.export"
KEPT = timedelta(hours=24)


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


def register_tasks() -> None:
    """Register exports as background work."""
    register_task_type(
        TaskType(KIND, _write, permission="audit.export", link=_link, discard=_discard, step_up=True)
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


def _write(
    run: TaskRun, *, asked: dict[str, Any], form: str, zone: str, origin: dict[str, Any], separator: str = ","
) -> Result:
    export = ExportRequest(**asked).export
    part = _get_folder() / f"{run.pk}.{run.claim}.part"
    with _open_private_file(part) as file:
        for number, piece in enumerate(generate_export(export, form, get_time_zone(zone), separator)):
            file.write(piece)
            report_progress(run=run, done=min(export.rows, number * CHUNK), total=export.rows)
    part.replace(_get_folder() / f"{run.pk}.{form}")
    _record_finished(run, export, form, Origin(**origin))
    return Result({"rows": export.rows, "form": form}, message=f"{export.rows:,} rows", keep=KEPT)


def _record_finished(run: TaskRun, export: Export, form: str, origin: Origin) -> None:
    """Record the end of the export once, even if a killed worker already did."""
    if Event.objects.filter(connection="", object_guid=str(run.pk), action="audit.export_finished").exists():
        return
    try:
        record_event(
            action="audit.export_finished",
            origin=origin,
            object=get_export_ref(run),
            outcome="success",
            message=f"{export.rows} rows as {form}, up to row {export.head_sequence}, {export.head_hash}",
        )
    except AuditUnavailable as error:
        raise TaskFailed("The audit trail cannot be written, so nothing was exported.") from error


def get_export_ref(run: TaskRun) -> ObjectRef:
    """Return the export as the object of its events."""
    return ObjectRef("export", str(run.pk), f"{run.created_at:%Y-%m-%d %H:%M} UTC")


def _get_folder() -> Path:
    folder = Path(settings.DATA_DIR) / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def _open_private_file(path: Path) -> Iterator[TextIO]:
    """Open a new file that only its owner can read. It is flushed to disk when the block ends."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(handle)


def _discard(run: TaskRun) -> None:
    for path in _get_folder().glob(f"{run.pk}.*"):
        path.unlink(missing_ok=True)


def _link(run: TaskRun) -> Link | None:
    if not run.result:
        return None
    return Link("Download", reverse("audit:export_file", args=[run.pk]), "download")
