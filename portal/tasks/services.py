"""Background work for other apps: start it, report its progress, stop it, start it again.

An app registers a kind of work in the `ready()` of its AppConfig:

    TASK_TYPES.register("reports.monthly", TaskType(work=write_monthly_report, permission="report.view"))

and starts it from a view; the user finds it under /tasks/, with progress, retry and stop:

    owner, arguments = owner_of(request), {"month": 5}
    enqueue_task(kind="reports.monthly", title="Report for May", owner=owner, arguments=arguments)

A worker (`manage.py tasks_work`) then calls `write_monthly_report(run, month=5)`. It works in small steps,
each in its own transaction, reports its progress between them, and returns what it made:

    for done, day in enumerate(days):
        report_progress(run=run, done=done, total=len(days))  # outside transactions; may stop here
        write_day(day)
    return Result({"file": name}, message="31 days", keep=timedelta(hours=24))

It raises TaskFailed to stop with a message for the owner; any other exception is logged and shown as an
internal error. If the worker is killed, the run starts again with the same arguments a few seconds after
TASK_LEASE_SECONDS, so every step must be safe to repeat. Two attempts of a run never work at the same time.
Arguments, titles, messages and results are stored unencrypted and shown to the owner: no secrets.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal.core.logs import current_request_id
from portal.tasks.cancellation import AttemptStopped, worker_is_stopping
from portal.tasks.dispatch import dispatch_run
from portal.tasks.models import LEASE, OPEN, State, TaskRun
from portal.tasks.registry import TASK_TYPES, get_task_types_open_to

MAX_OPEN = 20
# Reports reach the database at most this often, in seconds.
REPORT_STEP = 0.5


class TaskFailed(Exception):  # noqa: N818 - reads as what happened
    """The work cannot be done; the message is for its owner."""


class TaskNotPossible(Exception):  # noqa: N818 - reads as what happened
    """The work cannot be started, or started again; the message says why."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a run, by the present name. `id` None is the portal itself."""

    id: int | None
    name: str


def owner_of(request: HttpRequest) -> Owner:
    """Return the user of a signed-in request."""
    user: Any = request.user
    return Owner(user.pk, user.get_full_name() or user.get_username())


def enqueue_task(
    *, kind: str, title: str, owner: Owner, arguments: dict[str, Any] | None = None, key: str = ""
) -> TaskRun:
    """Enqueue work and return its run; with a `key`, return the open run of that key if there is one.

    It starts when the surrounding transaction is committed. Raises UnknownNameError, and TaskNotPossible
    if the owner has too many open runs.
    """
    TASK_TYPES.get(kind)
    under_way = TaskRun.objects.filter(key=key, state__in=OPEN) if key else TaskRun.objects.none()
    run = under_way.first()
    if run:
        return run
    if TaskRun.objects.filter(owner_id=owner.id, state__in=OPEN).count() >= MAX_OPEN:
        raise TaskNotPossible(
            f"You already have {MAX_OPEN} tasks running or waiting. Wait for one to finish, or stop one."
        )
    try:
        with transaction.atomic():
            run = TaskRun.objects.create(
                kind=kind, title=title[:200], arguments=arguments or {}, key=key,
                owner_id=owner.id, owner_name=owner.name[:200], request_id=current_request_id.get(),
            )  # fmt: skip
            dispatch_run(run)
    except IntegrityError:
        return under_way.get()
    return run


def report_progress(*, run: TaskRun, done: int, total: int | None = None, message: str = "") -> None:
    """Report the progress of work. Cheap: call it with every step.

    Raises AttemptStopped, a BaseException that nothing catches by accident, if the run was stopped or claimed
    by another worker, or if this worker is told to end.
    """
    if worker_is_stopping():
        raise AttemptStopped
    now = time.monotonic()
    if now - getattr(run, "_reported", 0.0) < REPORT_STEP:
        return
    run._reported = now  # type: ignore[attr-defined]
    mine = LEASE.held_by(TaskRun.objects.filter(pk=run.pk, state=State.RUNNING), run.claim)
    reported = mine.update(done=done, total=total, message=message)
    if not reported:
        raise AttemptStopped


def cancel_task(*, run: TaskRun) -> bool:
    """Stop waiting work at once and running work at its next report. Returns whether the run was open."""
    waiting = TaskRun.objects.filter(pk=run.pk, state__in=OPEN)
    return bool(waiting.update(state=State.CANCELLED, finished_at=timezone.now(), message=""))


def retry_task(*, run: TaskRun) -> None:
    """Enqueue failed or stopped work again, from its beginning. Raises TaskNotPossible."""
    TASK_TYPES.get(run.kind)
    ended = TaskRun.objects.filter(pk=run.pk, state__in=(State.FAILED, State.CANCELLED))
    try:
        with transaction.atomic():
            restarted = ended.update(
                state=State.WAITING, attempts=0, done=0, total=None, message="", finished_at=None,
                dispatched_at=None, waiting_since=timezone.now(), request_id=current_request_id.get(),
            )  # fmt: skip
            if not restarted:
                raise TaskNotPossible("Only work that failed or was stopped can be started again.")
            dispatch_run(run)
    except IntegrityError:
        raise TaskNotPossible("The same work is already running or waiting.") from None


def forget_runs(*, kind: str, key: str) -> None:
    """Delete the ended runs of a kind and key, so that frequent work does not displace other runs."""
    TaskRun.objects.filter(kind=kind, key=key).exclude(state__in=OPEN).delete()


def get_visible_runs(person: Any) -> QuerySet[TaskRun]:
    """Return the runs that a user started, and those of the portal for which the user has permission."""
    return TaskRun.objects.filter(
        Q(owner_id=person.pk) | Q(owner_id=None, kind__in=get_task_types_open_to(person))
    )


def get_runs_of_kind(kind: str, *, limit: int) -> list[TaskRun]:
    """Return the newest runs of a kind, of all owners; the page must check the permission."""
    return list(TaskRun.objects.filter(kind=kind)[:limit])
