"""Carry out one attempt at a run: one worker claims it, extends its lease and records how it ended."""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.db.models import F, QuerySet
from django.utils import timezone

from portal.core.leases import Heartbeat
from portal.core.logs import current_request_id, error_code
from portal.tasks.cancellation import AttemptOverdue, AttemptStopped, limit_time, worker_is_stopping
from portal.tasks.dispatch import dispatch_run
from portal.tasks.models import LEASE, State, TaskRun
from portal.tasks.registry import TASK_TYPES
from portal.tasks.services import TaskFailed

logger = logging.getLogger(__name__)


def attempt(run_id: str) -> None:
    """Claim a waiting run, do its work and record how it ended. Does nothing if it cannot be claimed."""
    now = timezone.now()
    claimed = LEASE.claim(
        TaskRun.objects.filter(pk=run_id, state=State.WAITING), uuid.uuid4().hex,
        lasts=timedelta(seconds=settings.TASK_LEASE_SECONDS),
        state=State.RUNNING, attempts=F("attempts") + 1, started_at=now, heartbeat_at=now,
        finished_at=None, done=0, total=None, message="",
    )  # fmt: skip
    if not claimed:
        return
    run = TaskRun.objects.get(pk=run_id)
    mark = current_request_id.set(run.request_id)
    began, about = time.monotonic(), {"run": str(run.pk), "kind": run.kind}
    logger.info("background work begins", extra=about)
    try:
        with _extend_lease(run):
            ending = _do_work(run)
        _record_ending(run, ending)
        milliseconds = round(1000 * (time.monotonic() - began), 1)
        state = ending["state"] if ending else "stopped"
        logger.info("background work ended", extra={**about, "state": state, "milliseconds": milliseconds})
    finally:
        try:
            LEASE.release(TaskRun.objects.filter(pk=run.pk), run.claim)
        finally:
            current_request_id.reset(mark)


def _claimed_run(run: TaskRun) -> QuerySet[TaskRun]:
    """Return the run as a query that matches as long as this attempt has the claim."""
    return LEASE.held_by(TaskRun.objects.filter(pk=run.pk), run.claim)


def _do_work(run: TaskRun) -> dict[str, Any] | None:
    """Do the work and return how it ended, as columns of the run; None if the attempt must not go on.

    A database failure ends the attempt, not the run: the work done so far may be repeated.
    """
    if run.kind not in TASK_TYPES:
        return {"state": State.FAILED, "message": "This kind of background work no longer exists."}
    kind = TASK_TYPES.get(run.kind)
    try:
        with limit_time(kind.deadline):
            result = kind.work(run, **run.arguments)
        until = timezone.now() + result.keep if result.keep else None
        return {
            "state": State.DONE, "result": result.reference, "result_until": until, "message": result.message,
        }  # fmt: skip
    except AttemptStopped:
        return None
    except AttemptOverdue:
        connections.close_all()  # the connection may have been in the middle of an exchange
        minutes = f"{kind.deadline.total_seconds() / 60:g}"
        message = f"It took longer than {minutes} minutes and was stopped."
    except TaskFailed as failure:
        message = str(failure)
    except (OperationalError, InterfaceError) as error:
        connections.close_all()
        logger.warning("the database failed during background work: %s", type(error).__name__)
        again = run.attempts < kind.max_attempts
        if again:
            return {"state": State.WAITING}
        message = _log_failure(run, error)
    except Exception as error:
        message = _log_failure(run, error)
    return {"state": State.FAILED, "message": message}


def _log_failure(run: TaskRun, error: Exception) -> str:
    """Log an unexpected error and return the message for the owner."""
    logger.exception("background work failed: %s", run.kind)
    said = " ".join(filter(None, (type(error).__name__, error_code(error))))
    return f"It failed with an internal error ({said}). The log has the details."


def _record_ending(run: TaskRun, ending: dict[str, Any] | None) -> None:
    """Record how the attempt ended. Discards incomplete results while no other attempt can begin."""
    running = _claimed_run(run).filter(state=State.RUNNING)
    if ending and ending["state"] == State.DONE:
        recorded = running.update(finished_at=timezone.now(), **ending)
        if recorded:
            return
    if _claimed_run(run).exists():
        discard_result(run)
    again = {"state": State.WAITING, "waiting_since": timezone.now(), **LEASE.released}
    if ending == {"state": State.WAITING}:
        # Recovery hands the run over a moment later: at once it would meet the same failure.
        running.update(**again, dispatched_at=None)
    elif ending:
        running.update(finished_at=timezone.now(), **ending)
    elif worker_is_stopping():
        # A worker that is told to end puts its run back, as if the attempt had not begun.
        returned = running.update(**again, attempts=F("attempts") - 1, dispatched_at=None)
        if returned:
            dispatch_run(run)


def discard_result(run: TaskRun) -> bool:
    """Discard what a run made and return whether it is gone. An unknown kind leaves nothing to discard."""
    if run.kind not in TASK_TYPES:
        return True
    try:
        TASK_TYPES.get(run.kind).discard(run)
    except Exception:
        logger.exception("the result of background work could not be discarded: %s", run.kind)
        return False
    return True


@contextmanager
def _extend_lease(run: TaskRun) -> Iterator[None]:
    """Extend the lease while the block runs, even if the run was stopped: no other attempt may begin yet."""
    lasts = timedelta(seconds=settings.TASK_LEASE_SECONDS)
    row = TaskRun.objects.filter(pk=run.pk)
    heartbeat = Heartbeat(
        "heartbeat",
        lambda: LEASE.extend(row, run.claim, lasts=lasts, heartbeat_at=timezone.now()),
        every=settings.TASK_LEASE_SECONDS / 3,
        failure="a heartbeat failed",
    )
    heartbeat.start()
    try:
        yield
    finally:
        heartbeat.stop()
