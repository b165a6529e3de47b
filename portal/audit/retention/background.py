"""Archiving as background work: daily, and from the Archives page."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from portal.audit.recording import AuditUnavailable, Origin, get_system_origin
from portal.audit.retention.archives import ArchiveRefused, write_archives
from portal.tasks.models import TaskRun
from portal.tasks.registry import Link, Result, TaskType, register_task_type
from portal.tasks.services import Owner, TaskFailed, enqueue_task, report_progress

KIND = "audit.archive"


def register_tasks() -> None:
    """Register archiving as background work."""
    register_task_type(TaskType(KIND, _archive, permission="audit.verify", link=_link))


def start_archiving(*, owner: Owner, origin: Origin) -> TaskRun:
    """Start archiving, unless it is under way."""
    title = f"Archive the audit trail before {get_month_start():%Y-%m-%d}"
    return enqueue_task(kind=KIND, title=title, owner=owner, arguments={"origin": asdict(origin)}, key=KIND)


def start_daily_archiving() -> TaskRun:
    """Archive in the name of the portal. Started daily, it has work to do once a month."""
    owner, origin = Owner(None, "Provisioning Portal"), get_system_origin("daily archiving")
    return start_archiving(owner=owner, origin=origin)


def get_month_start() -> datetime:
    """Return the beginning of this month in UTC; earlier events are archived."""
    return timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _archive(run: TaskRun, origin: dict[str, Any]) -> Result:
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


def _link(run: TaskRun) -> Link:
    return Link("View archives", reverse("audit:archives"), "archive")
