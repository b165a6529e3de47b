"""Archives: sealed files of consecutive rows, written once and checked with nothing but the audit key.

Gzipped JSON lines: a header, each row as it is in the database, and a seal over all of it. Workers archive
past months in the background, daily and when the Archives page asks for it.
"""

import gzip
import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from portal.audit.canonical import HASHED_FIELDS, OPTIONAL_FIELDS, is_genuine_row
from portal.audit.event_json import COLUMNS, format_utc
from portal.audit.keys import compute_digest, get_audit_keys, get_current_key_id
from portal.audit.models import GENESIS, ChainHead, Event
from portal.audit.recording import AuditUnavailable, Origin, get_system_origin, record_event
from portal.tasks.models import TaskRun
from portal.tasks.registry import TASK_TYPES, Link, Result, TaskType
from portal.tasks.services import Owner, TaskFailed, enqueue_task, report_progress

KIND = "audit.archive"
FORMAT = "portal-audit-archive-1"
MAX_ROWS = 10_000
# Errors that reading a made-up file may raise.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_TIME = COLUMNS.index("time")


class ArchiveRefused(Exception):  # noqa: N818 - reads as what happened
    """The archive cannot be written: the rows are not whole, or the folder is not there."""


class ArchiveBroken(Exception):  # noqa: N818 - reads as what happened
    """The file is not what was sealed. The text says where."""


@dataclass
class Archive:
    """A range of rows. `previous_hash` is that of the row before it; `hashes` those of its rows, in order."""

    first: int
    last: int = 0
    previous_hash: str = GENESIS
    last_hash: str = ""
    since: datetime | None = None
    until: datetime | None = None
    sha256: str = ""
    hashes: list[str] = field(default_factory=list, repr=False)

    def add(self, row: Sequence[Any]) -> str:
        """Add the next row of COLUMNS; return the problem with it, "" for none."""
        values = dict(zip(COLUMNS, row, strict=True))
        follows = self.last_hash or self.previous_hash
        if values["sequence"] != (self.last or self.first - 1) + 1:
            return "it does not follow the row before it: rows are missing"
        if values["key_id"] not in get_audit_keys():
            return "it is sealed with a key that is missing"
        if values["previous_hash"] != follows or not is_genuine_row(row):
            return "it differs from the row that was written"
        self.last, self.last_hash = values["sequence"], values["hash"]
        self.since = min(self.since or values["time"], values["time"])
        self.until = max(self.until or values["time"], values["time"])
        self.hashes.append(values["hash"])
        return ""


@dataclass(frozen=True)
class ArchiveRecord:
    """An archive as the chain remembers it (audit.archived)."""

    first: int
    last: int
    file: str
    sha256: str
    last_hash: str
    until: str
    made_at: datetime

    @property
    def path(self) -> Path:
        """Return the path of the file."""
        return get_archive_folder() / Path(self.file).name


def get_archive_folder() -> Path:
    """Return the folder for archives; copy its files to where they outlast the host."""
    return Path(settings.AUDIT_ARCHIVE_DIR)


def get_archives() -> list[ArchiveRecord]:
    """Return all archives ever written, in the order of their rows."""
    events = Event.objects.filter(action="audit.archived").order_by("sequence").only("time", "request")
    names = ("first", "last", "file", "sha256", "last_hash", "until")
    return [
        ArchiveRecord(**{name: event.request_data[name] for name in names}, made_at=event.time)
        for event in events
    ]


def write_archives(*, until: datetime, origin: Origin) -> Iterator[ArchiveRecord]:
    """Archive the events before `until` that are in no archive yet; yield each recorded archive.

    Raises ArchiveRefused at a row that is not as it was written: a broken chain is not sealed.
    """
    newest = Event.objects.filter(time__lt=until).order_by("-time", "-sequence")
    end = newest.values_list("sequence", flat=True).first() or 0
    while True:
        before = get_archives()
        first = before[-1].last + 1 if before else 1
        if first > end:
            return
        begun = Archive(first, previous_hash=before[-1].last_hash if before else GENESIS)
        yield _write_archive(begun, min(end, first + MAX_ROWS - 1), origin)


def check_archive(path: Path) -> Archive:
    """Read a file to its end, verify and return its contents without the database. Raises ArchiveBroken."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            text = next(lines, "")
            header = json.loads(text)
            # An archive from before optional columns were added lacks the last ones.
            missing = len(COLUMNS) - len(header["columns"])
            columns = [*HASHED_FIELDS[: len(HASHED_FIELDS) - missing], "hash"]
            if (
                header["format"] != FORMAT
                or header["columns"] != columns
                or not 0 <= missing <= len(OPTIONAL_FIELDS)
            ):
                raise ArchiveBroken("This is not an archive of this portal.")
            archive = Archive(int(header["first"]), previous_hash=str(header["previous_hash"]))
            while True:
                digest.update(text.encode())
                text = next(lines, "")
                value = json.loads(text)
                if isinstance(value, dict):
                    break
                value[_TIME] = datetime.fromisoformat(value[_TIME])
                value[-1:-1] = [""] * missing
                problem = archive.add(value)
                if problem:
                    raise ArchiveBroken(f"Row {value[0]}: {problem}.")
            archive.sha256 = digest.hexdigest()
            sealed = value["key_id"] in get_audit_keys() and value["seal"] == _seal(
                value["key_id"], archive.sha256
            )
            if not sealed or value["sha256"] != archive.sha256 or next(lines, ""):
                raise ArchiveBroken(
                    "The seal does not match. The file was edited or sealed with a different key."
                )
            if archive.last != header["last"]:
                raise ArchiveBroken(f"Rows after {archive.last} are missing.")
            return archive
    except ArchiveBroken:
        raise
    except (OSError, EOFError, zlib.error, *_MALFORMED) as error:
        raise ArchiveBroken(f"{path.name} cannot be read ({type(error).__name__}).") from None


def register_tasks() -> None:
    """Register archiving as background work."""
    TASK_TYPES.register(
        KIND,
        TaskType(
            _archive_past_months,
            permission="audit.verify",
            link=lambda run: Link("View archives", reverse("audit:archives"), "archive"),
        ),
    )


def start_archiving(*, owner: Owner, origin: Origin) -> TaskRun:
    """Start archiving in the background, unless it is under way."""
    title = f"Archive the audit trail before {get_month_start():%Y-%m-%d}"
    return enqueue_task(kind=KIND, title=title, owner=owner, arguments={"origin": asdict(origin)}, key=KIND)


def start_daily_archiving() -> TaskRun:
    """Archive in the name of the portal. Started daily, it has work to do once a month."""
    owner, origin = Owner(None, "Provisioning Portal"), get_system_origin("daily archiving")
    return start_archiving(owner=owner, origin=origin)


def get_month_start() -> datetime:
    """Return the beginning of this month in UTC; earlier events are archived."""
    return timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _archive_past_months(run: TaskRun, origin: dict[str, Any]) -> Result:
    """Write the archives; started again, continue after the last recorded one."""
    count, rows = 0, 0
    try:
        for kept in write_archives(until=get_month_start(), origin=Origin(**origin)):
            count, rows = count + 1, rows + kept.last - kept.first + 1
            report_progress(run=run, done=rows)
    except (ArchiveRefused, AuditUnavailable) as problem:
        raise TaskFailed(str(problem)) from None
    if not count:
        return Result(message="Nothing to archive: all events before this month are already archived.")
    return Result(
        message=f"{rows:,} row{'' if rows == 1 else 's'} in {count} file{'' if count == 1 else 's'}"
    )


def _write_archive(archive: Archive, last: int, origin: Origin) -> ArchiveRecord:
    """Write the file in one step, complete and flushed to disk or not at all, then record it."""
    name = f"audit-{archive.first:010}-{last:010}.jsonl.gz"
    path = get_archive_folder() / name
    draft = path.with_suffix(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                for line in _generate_lines(archive, last):
                    packed.write(line.encode())
            raw.flush()
            os.fsync(raw.fileno())
        draft.rename(path)
    except OSError as error:
        raise ArchiveRefused(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            draft.unlink()
    record: dict[str, Any] = {
        "first": archive.first, "last": archive.last, "file": name, "sha256": archive.sha256,
        "last_hash": archive.last_hash, "until": format_utc(archive.until),
    }  # fmt: skip
    words = f"rows {archive.first} to {archive.last} as {name}"
    with transaction.atomic():
        # Of two that archive at once the second one finds the rows taken: no row is in two archives.
        ChainHead.objects.select_for_update().filter(pk=1).first()
        if any(kept.last >= archive.first for kept in get_archives()):
            raise ArchiveRefused("Someone else archived these rows at the same time.")
        event = record_event(action="audit.archived", origin=origin, message=words, request=record)
    return ArchiveRecord(**record, made_at=event.time)


def _generate_lines(archive: Archive, last: int) -> Iterator[str]:
    """Yield the lines of the file; each row is verified first."""
    digest = hashlib.sha256()

    def line(value: Any) -> str:
        text = json.dumps(value, ensure_ascii=False) + "\n"
        digest.update(text.encode())
        return text

    yield line({
        "format": FORMAT, "first": archive.first, "last": last, "previous_hash": archive.previous_hash,
        "columns": COLUMNS,
    })  # fmt: skip
    rows = Event.objects.filter(sequence__gte=archive.first, sequence__lte=last).order_by("sequence")
    for row in rows.values_list(*COLUMNS).iterator(chunk_size=2000):
        problem = archive.add(row)
        if problem:
            raise ArchiveRefused(f"Row {row[0]} cannot be archived: {problem}. Run manage.py verify_audit.")
        yield line([format_utc(value) if number == _TIME else value for number, value in enumerate(row)])
    if archive.last != last:
        raise ArchiveRefused(f"Row {archive.last + 1} is missing. Run manage.py verify_audit.")
    archive.sha256, key_id = digest.hexdigest(), get_current_key_id()
    yield line({"sha256": archive.sha256, "key_id": key_id, "seal": _seal(key_id, archive.sha256)})


def _seal(key_id: str, sha256: str) -> str:
    return compute_digest(key_id, f"archive:{sha256}")
