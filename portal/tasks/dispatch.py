"""Hand a run over to the task backend (TASKS_BACKEND), by its id; everything else stays in our table."""

import logging
from functools import partial

from django.db import close_old_connections, transaction
from django.utils import timezone
from django_tasks import task

from portal.tasks.models import TaskRun

logger = logging.getLogger(__name__)


@task()
def run_attempt(run_id: str) -> None:
    """Attempt a run; workers call this. Calling it again is harmless: a claimed or ended run is skipped.

    Broken database connections are replaced first, which the workers of Redis do not do. If the end of an
    attempt cannot be recorded, its lease expires and recovery returns the run.
    """
    from portal.tasks.runner import attempt

    close_old_connections()
    try:
        attempt(run_id)
    except Exception:
        logger.exception("an attempt at background work could not be recorded", extra={"run": run_id})
    finally:
        close_old_connections()


def dispatch_run(run: TaskRun) -> None:
    """Hand over when the open transaction is committed. Recovery repeats it if the backend is unavailable."""
    transaction.on_commit(partial(_hand_over, str(run.pk)))


def _hand_over(run_id: str) -> None:
    try:
        run_attempt.enqueue(run_id)
    except Exception as error:  # whatever the backend raises: the run waits in our table
        logger.error("background work could not be handed over: %s", type(error).__name__)
        return
    TaskRun.objects.filter(pk=run_id).update(dispatched_at=timezone.now())
