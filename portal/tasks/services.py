"""Background work for other rooms: start it, report how far it is, stop it, start it again.

A room says once what can be done, in the `ready()` of its AppConfig:

    register_task_type(TaskType("reports.monthly", work=monthly_write, permission="report.view"))

and starts it from a view; the person finds it under /tasks/, with progress, retry and stop:

    owner, arguments = owner_of(request), {"month": 5}
    enqueue_task(kind="reports.monthly", title="Report of May", owner=owner, arguments=arguments)

A worker (`manage.py tasks_work`) then calls `monthly_write(run, month=5)`, which works in steps, each small
and in a transaction of its own, reports between them, and returns what it made:

    for done, day in enumerate(days):
        report_progress(run=run, done=done, total=len(days))  # outside transactions; may stop here
        day_write(day)
    return Result({"file": name}, message="31 days", keep=timedelta(hours=24))

To stop with words for the person it raises TaskFailed; any other exception is logged by kind and place and
shown as an error of the portal. After kill -9 of the worker the run begins anew with the same arguments,
within TASK_LEASE_SECONDS and a few more: make every step harmless to repeat. No two attempts of a run work at
once. Arguments, titles, messages and results are stored in clear and shown to the owner: no secrets.
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
from portal.tasks.models import OPEN, State, TaskRun
from portal.tasks.registry import get_task_type, get_task_types_open_to

MOST_OPEN = 20
# Reports reach the database at most this often, in seconds.
REPORT_STEP = 0.5


class TaskFailed(Exception):  # noqa: N818 - reads as what happened
    """The work cannot be done; the message is for its owner."""


class TaskNotPossible(Exception):  # noqa: N818 - reads as what happened
    """It cannot be started, or started again; the message says why."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose work it is, as of now. `id` None is the portal itself."""

    id: int | None
    name: str


def owner_of(request: HttpRequest) -> Owner:
    """The person behind a signed-in request."""
    user: Any = request.user
    return Owner(user.pk, user.get_full_name() or user.get_username())


def enqueue_task(
    *, kind: str, title: str, owner: Owner, arguments: dict[str, Any] | None = None, key: str = ""
) -> TaskRun:
    """Puts work in line and returns its run; with a `key` the open run of that key, if there is one.

    It starts when the surrounding transaction is committed. Raises UnknownKind, and TaskNotPossible for an
    owner with too much under way.
    """
    get_task_type(kind)
    under_way = TaskRun.objects.filter(key=key, state__in=OPEN) if key else TaskRun.objects.none()
    run = under_way.first()
    if run:
        return run
    if TaskRun.objects.filter(owner_id=owner.id, state__in=OPEN).count() >= MOST_OPEN:
        raise TaskNotPossible(
            f"You already have {MOST_OPEN} tasks running or waiting. Wait for one to finish, or stop one."
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
    """Says how far the work is. Cheap: call it with every step.

    Ends the attempt by AttemptStopped (no Exception, so that nothing catches it by accident) when the run was
    stopped, is no longer ours, or the worker is told to end.
    """
    if worker_is_stopping():
        raise AttemptStopped
    now = time.monotonic()
    if now - getattr(run, "_reported", 0.0) < REPORT_STEP:
        return
    run._reported = now  # type: ignore[attr-defined]
    mine = TaskRun.objects.filter(pk=run.pk, claim=run.claim, state=State.RUNNING)
    if not mine.update(done=done, total=total, message=message):
        raise AttemptStopped


def cancel_task(*, run: TaskRun) -> bool:
    """Ends waiting work, and running work at its next report; whether there was anything to end."""
    waiting = TaskRun.objects.filter(pk=run.pk, state__in=OPEN)
    return bool(waiting.update(state=State.CANCELLED, finished_at=timezone.now(), message=""))


def retry_task(*, run: TaskRun) -> None:
    """Puts failed or stopped work in line again, from its beginning. Raises TaskNotPossible."""
    get_task_type(run.kind)
    ended = TaskRun.objects.filter(pk=run.pk, state__in=(State.FAILED, State.CANCELLED))
    try:
        with transaction.atomic():
            if not ended.update(
                state=State.WAITING, attempts=0, done=0, total=None, message="", finished_at=None,
                dispatched_at=None, waiting_since=timezone.now(), request_id=current_request_id.get(),
            ):  # fmt: skip
                raise TaskNotPossible("Only work that failed or was stopped can be started again.")
            dispatch_run(run)
    except IntegrityError:
        raise TaskNotPossible("The same work is already running or waiting.") from None


def forget_runs(*, kind: str, key: str) -> None:
    """Delete finished runs of a kind and key, so that what repeats all day does not push out other runs."""
    TaskRun.objects.filter(kind=kind, key=key).exclude(state__in=OPEN).delete()


def get_visible_runs(person: Any) -> QuerySet[TaskRun]:
    """What a person started, and what the portal itself did of the kinds that they have the right to."""
    return TaskRun.objects.filter(
        Q(owner_id=person.pk) | Q(owner_id=None, kind__in=get_task_types_open_to(person))
    )


def get_runs_of_kind(kind: str, *, limit: int) -> list[TaskRun]:
    """The newest runs of a kind, whoever's, for pages whose permission lets everybody see them."""
    return list(TaskRun.objects.filter(kind=kind)[:limit])
