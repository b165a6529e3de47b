"""Archiving as background work, for the button on /audit/archives/."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from portal.audit.recording import AuditUnavailable, Origin, origin_system
from portal.audit.retention.archives import ArchiveRefused, archives_write
from portal.tasks.models import TaskRun
from portal.tasks.registry import Link, Result, TaskType, kind_register
from portal.tasks.services import Owner, TaskFailed, task_enqueue, task_progress

KIND = "audit.archive"


def kinds_register() -> None:
    """Makes archiving known as background work."""
    kind_register(TaskType(KIND, _archive, permission="audit.verify", link=_link))


def archiving_start(*, owner: Owner, origin: Origin) -> TaskRun:
    """Puts it in line; one at a time is enough."""
    title = f"Archive the audit trail before {month_begin():%Y-%m-%d}"
    return task_enqueue(kind=KIND, title=title, owner=owner, arguments={"origin": asdict(origin)}, key=KIND)


def archiving_start_daily() -> TaskRun:
    """Archive in the name of the portal itself; started once a day, it has something to do once a month."""
    owner, origin = Owner(None, "Provisioning Portal"), origin_system("daily archiving")
    return archiving_start(owner=owner, origin=origin)


def month_begin() -> datetime:
    """The beginning of this month, UTC: what was before it is archived."""
    return timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _archive(run: TaskRun, origin: dict[str, Any]) -> Result:
    """Begun again it goes on after the last archive that is on record."""
    count, rows = 0, 0
    try:
        for kept in archives_write(until=month_begin(), origin=Origin(**origin)):
            count, rows = count + 1, rows + kept.last - kept.first + 1
            task_progress(run=run, done=rows)
    except (ArchiveRefused, AuditUnavailable) as problem:
        raise TaskFailed(str(problem)) from None
    if not count:
        return Result(message="Nothing to archive: all events before this month are already archived.")
    return Result(
        message=f"{rows:,} row{'' if rows == 1 else 's'} in {count} file{'' if count == 1 else 's'}"
    )


def _link(run: TaskRun) -> Link:
    return Link("View archives", reverse("audit:archives"), "archive")
