"""What workers see to every few seconds: lost runs go back in line, what is over its time is discarded."""

from datetime import datetime, timedelta

from django.apps import apps
from django.db.models import Q
from django.utils import timezone

from portal.tasks.dispatch import dispatch_run
from portal.tasks.models import OPEN, State, TaskRun, Worker
from portal.tasks.registry import UnknownKind, get_task_type
from portal.tasks.runner import discard_result, unclaimed

# A waiting run is handed over again after this time: what the backend had of it may be lost.
HANDED_AGAIN_AFTER = timedelta(minutes=1)
KEPT_FOR = timedelta(days=30)
MOST_KEPT = 1000
WORKER_SEEN_WITHIN = timedelta(minutes=1)
_AT_ONCE = 100


def recover_runs() -> None:
    """Safe to call from any number of workers at once: every step is one conditional update."""
    now = timezone.now()
    _return_lost_runs(now)
    _hand_over_forgotten_runs(now)
    _expire_results(now)
    _delete_old_runs(now)


def record_worker(name: str) -> None:
    """A sign of life of a worker."""
    now = timezone.now()
    Worker.objects.update_or_create(name=name, defaults={"seen_at": now})
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()


def is_worker_running() -> bool:
    """Whether any worker gave a sign of life within a minute."""
    return Worker.objects.filter(seen_at__gte=timezone.now() - WORKER_SEEN_WITHIN).exists()


def get_longest_wait() -> timedelta:
    """How long the oldest waiting run waits for a worker; nothing at all where none waits."""
    since = TaskRun.objects.filter(state=State.WAITING).order_by("waiting_since").values_list("waiting_since")
    oldest = since.first()
    return timezone.now() - oldest[0] if oldest else timedelta()


def _return_lost_runs(now: datetime) -> None:
    """Runs whose worker fell silent: in line again, or failed after too many attempts."""
    for run in TaskRun.objects.filter(state=State.RUNNING, lease_until__lt=now)[:_AT_ONCE]:
        lost = TaskRun.objects.filter(pk=run.pk, claim=run.claim, state=State.RUNNING, lease_until__lt=now)
        if run.attempts < _most_attempts(run):
            lost.update(
                state=State.WAITING, claim="", lease_until=None, dispatched_at=None, waiting_since=now
            )
        elif lost.update(
            state=State.FAILED, claim="", lease_until=None, finished_at=now,
            message=f"It was interrupted {run.attempts} times because its worker stopped.",
        ):  # fmt: skip
            discard_result(run)


def _most_attempts(run: TaskRun) -> int:
    try:
        return get_task_type(run.kind).most_attempts
    except UnknownKind:
        return 0


def _hand_over_forgotten_runs(now: datetime) -> None:
    """Runs that wait although nobody works on them, and that the backend may not know."""
    forgotten = Q(dispatched_at=None) | Q(dispatched_at__lt=now - HANDED_AGAIN_AFTER)
    waiting = TaskRun.objects.filter(unclaimed(now), forgotten, state=State.WAITING)
    for run in waiting.order_by("created_at")[:_AT_ONCE]:
        if waiting.filter(pk=run.pk, dispatched_at=run.dispatched_at).update(dispatched_at=now):
            dispatch_run(run)


def _expire_results(now: datetime) -> None:
    for run in TaskRun.objects.filter(result_until__lt=now)[:_AT_ONCE]:
        if discard_result(run):
            TaskRun.objects.filter(pk=run.pk).update(
                result={}, result_until=None, message="Its result has expired."
            )


def _delete_old_runs(now: datetime) -> None:
    """What ended long ago, and of the rest all but the newest MOST_KEPT."""
    ended = TaskRun.objects.exclude(state__in=OPEN)
    old = list(ended.filter(created_at__lt=now - KEPT_FOR)[:_AT_ONCE])
    for run in old or list(ended[MOST_KEPT : MOST_KEPT + _AT_ONCE]):
        if discard_result(run):
            run.delete()
    if apps.is_installed("django_tasks_db"):
        _delete_old_hand_overs(now)


def _delete_old_hand_overs(now: datetime) -> None:
    """What the database backend keeps of those that are over, or lost with a worker."""
    from django_tasks_db.models import DBTaskResult

    over = DBTaskResult.objects.exclude(status="READY")
    over.filter(enqueued_at__lt=now - timedelta(days=1)).delete()
