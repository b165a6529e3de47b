"""Recover lost runs and delete expired results. Workers do this every few seconds."""

from datetime import timedelta

from django.apps import apps
from django.db.models import Q
from django.utils import timezone

from portal.core.leases import get_running_processes, record_process
from portal.tasks.dispatch import dispatch_run
from portal.tasks.models import LEASE, OPEN, State, TaskRun, Worker
from portal.tasks.registry import TASK_TYPES
from portal.tasks.runner import discard_result

# A waiting run is handed over again after this time, because the backend may have lost it.
HANDED_AGAIN_AFTER = timedelta(minutes=1)
KEPT_FOR = timedelta(days=30)
MAX_KEPT = 1000
WORKER_SEEN_WITHIN = timedelta(minutes=1)
_AT_ONCE = 100


def recover_runs() -> None:
    """Return lost runs, hand over forgotten ones and delete old ones.

    Any number of workers may do this at once: every step is one conditional update.
    """
    now = timezone.now()
    # Runs whose lease expired wait again, or fail after too many attempts.
    for run in TaskRun.objects.filter(LEASE.free(now), state=State.RUNNING)[:_AT_ONCE]:
        row = TaskRun.objects.filter(LEASE.free(now), pk=run.pk, state=State.RUNNING)
        lost = LEASE.held_by(row, run.claim)
        max_attempts = TASK_TYPES.get(run.kind).max_attempts if run.kind in TASK_TYPES else 0
        if run.attempts < max_attempts:
            lost.update(state=State.WAITING, dispatched_at=None, waiting_since=now, **LEASE.released)
            continue
        failed = lost.update(
            state=State.FAILED, finished_at=now, **LEASE.released,
            message=f"It was interrupted {run.attempts} times because its worker stopped.",
        )  # fmt: skip
        if failed:
            discard_result(run)
    # The backend may not know about these waiting runs.
    forgotten = Q(dispatched_at=None) | Q(dispatched_at__lt=now - HANDED_AGAIN_AFTER)
    waiting = TaskRun.objects.filter(LEASE.free(now), forgotten, state=State.WAITING)
    for run in waiting.order_by("created_at")[:_AT_ONCE]:
        taken = waiting.filter(pk=run.pk, dispatched_at=run.dispatched_at).update(dispatched_at=now)
        if taken:
            dispatch_run(run)
    for run in TaskRun.objects.filter(result_until__lt=now)[:_AT_ONCE]:
        discarded = discard_result(run)
        if discarded:
            expired = TaskRun.objects.filter(pk=run.pk)
            expired.update(result={}, result_until=None, message="Its result has expired.")
    # Of the runs that did not end long ago, all but the newest MAX_KEPT are deleted, too.
    ended = TaskRun.objects.exclude(state__in=OPEN)
    old = list(ended.filter(created_at__lt=now - KEPT_FOR)[:_AT_ONCE])
    for run in old or list(ended[MAX_KEPT : MAX_KEPT + _AT_ONCE]):
        discarded = discard_result(run)
        if discarded:
            run.delete()
    if apps.is_installed("django_tasks_db"):
        from django_tasks_db.models import DBTaskResult

        over = DBTaskResult.objects.exclude(status="READY")
        over.filter(enqueued_at__lt=now - timedelta(days=1)).delete()


def record_worker(name: str) -> None:
    """Record that a worker is running, and forget workers not seen for a day."""
    record_process(Worker, name)


def is_worker_running() -> bool:
    """Return whether any worker was seen within a minute."""
    return get_running_processes(Worker.objects.all(), seen_within=WORKER_SEEN_WITHIN).exists()


def get_longest_wait() -> timedelta:
    """Return how long the oldest waiting run has been waiting for a worker; zero if none waits."""
    since = TaskRun.objects.filter(state=State.WAITING).order_by("waiting_since").values_list("waiting_since")
    oldest = since.first()
    return timezone.now() - oldest[0] if oldest else timedelta()
