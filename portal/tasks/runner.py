"""One attempt at a run: claimed by exactly one worker, kept by a heartbeat, ended under its own mark."""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connections
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from portal.core.logs import current_request_id, error_code
from portal.tasks.cancellation import AttemptOverdue, AttemptStopped, limit_time, worker_is_stopping
from portal.tasks.dispatch import dispatch_run
from portal.tasks.models import State, TaskRun
from portal.tasks.registry import Result, TaskType, UnknownKind, get_task_type
from portal.tasks.services import TaskFailed

logger = logging.getLogger(__name__)


def attempt(run_id: str) -> None:
    """Does the work of a waiting run and notes how it ended. Does nothing if it is not there to be taken."""
    run = _claim(run_id)
    if run is None:
        return
    mark = current_request_id.set(run.request_id)
    began, about = time.monotonic(), {"run": str(run.pk), "kind": run.kind}
    logger.info("background work begins", extra=about)
    try:
        with _keep_lease(run):
            ending = _run_work(run)
        _record_ending(run, ending)
        seconds = round(1000 * (time.monotonic() - began), 1)
        state = ending["state"] if ending else "stopped"
        logger.info("background work ended", extra={**about, "state": state, "milliseconds": seconds})
    finally:
        try:
            _ours(run).update(claim="", lease_until=None)
        finally:
            current_request_id.reset(mark)


def unclaimed(now: datetime) -> Q:
    """Runs on which no attempt can still be working."""
    return Q(claim="") | Q(lease_until__lt=now)


def _claim(run_id: str) -> TaskRun | None:
    """waiting → running under a new mark, by exactly one caller."""
    now, mark = timezone.now(), uuid.uuid4().hex
    waiting = TaskRun.objects.filter(unclaimed(now), pk=run_id, state=State.WAITING)
    taken = waiting.update(
        state=State.RUNNING, claim=mark, attempts=F("attempts") + 1, lease_until=now + _lease(),
        started_at=now, heartbeat_at=now, finished_at=None, done=0, total=None, message="",
    )  # fmt: skip
    return TaskRun.objects.get(pk=run_id) if taken else None


def _ours(run: TaskRun) -> QuerySet[TaskRun]:
    """The run, as long as it is this attempt that holds it."""
    return TaskRun.objects.filter(pk=run.pk, claim=run.claim)


def _run_work(run: TaskRun) -> dict[str, Any] | None:
    """How it ended, as columns of the run; None for an attempt that must not go on.

    A database that went away ends the attempt, not the run: what was done so far may be repeated.
    """
    try:
        kind = get_task_type(run.kind)
        with limit_time(kind.deadline):
            ending = _build_done(kind.work(run, **run.arguments))
    except AttemptStopped:
        return None
    except AttemptOverdue:
        connections.close_all()  # it may have been in the middle of an exchange
        ending = _build_failed(f"It took longer than {_minutes(kind)} minutes and was stopped.")
    except TaskFailed as failure:
        ending = _build_failed(str(failure))
    except UnknownKind:
        ending = _build_failed("This kind of background work no longer exists.")
    except (OperationalError, InterfaceError) as error:
        connections.close_all()
        logger.warning("the database failed during background work: %s", type(error).__name__)
        again = run.attempts < kind.most_attempts
        ending = {"state": State.WAITING} if again else _build_unexpected(run, error)
    except Exception as error:
        ending = _build_unexpected(run, error)
    return ending


def _build_done(result: Result) -> dict[str, Any]:
    until = timezone.now() + result.keep if result.keep else None
    return {
        "state": State.DONE, "result": result.reference, "result_until": until, "message": result.message,
    }  # fmt: skip


def _build_failed(message: str) -> dict[str, Any]:
    return {"state": State.FAILED, "message": message}


def _build_unexpected(run: TaskRun, error: Exception) -> dict[str, Any]:
    logger.exception("background work failed: %s", run.kind)
    said = " ".join(filter(None, (type(error).__name__, error_code(error))))
    return _build_failed(f"It failed with an internal error ({said}). The log has the details.")


def _minutes(kind: TaskType) -> str:
    return f"{kind.deadline.total_seconds() / 60:g}"


def _record_ending(run: TaskRun, ending: dict[str, Any] | None) -> None:
    """Notes the ending; what was left half done is discarded while nobody else can work on it."""
    running = _ours(run).filter(state=State.RUNNING)
    if ending and ending["state"] == State.DONE and running.update(finished_at=timezone.now(), **ending):
        return
    if _ours(run).exists():
        discard_result(run)
    again = {"state": State.WAITING, "claim": "", "lease_until": None, "waiting_since": timezone.now()}
    if ending == {"state": State.WAITING}:
        # Handed over by recovery, a moment later: at once it would meet the same trouble.
        running.update(**again, dispatched_at=None)
    elif ending:
        running.update(finished_at=timezone.now(), **ending)
    elif worker_is_stopping() and running.update(**again, attempts=F("attempts") - 1, dispatched_at=None):
        # A worker that is told to end puts its work in line again, as if it had not begun.
        dispatch_run(run)


def discard_result(run: TaskRun) -> bool:
    """Whether what a run made is gone; one whose kind is gone left nothing that we could know of."""
    try:
        get_task_type(run.kind).discard(run)
    except UnknownKind:
        return True
    except Exception:
        logger.exception("what background work made could not be discarded: %s", run.kind)
        return False
    return True


def _lease() -> timedelta:
    return timedelta(seconds=settings.TASK_LEASE_SECONDS)


@contextmanager
def _keep_lease(run: TaskRun) -> Iterator[None]:
    """Extends the lease while the block runs, of stopped work too: nobody may begin before it is over."""
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(run, over), name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()


def _beat(run: TaskRun, over: threading.Event) -> None:
    try:
        while not over.wait(settings.TASK_LEASE_SECONDS / 3):
            try:
                close_old_connections()
                now = timezone.now()
                _ours(run).update(heartbeat_at=now, lease_until=now + _lease())
            except Exception as error:  # the next beat may reach the database again
                logger.warning("a heartbeat failed: %s", type(error).__name__)
    finally:
        connections.close_all()
