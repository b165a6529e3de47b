"""Hands a run over to the task backend (TASKS_BACKEND): only its id travels, the rest is in our table."""

import logging
from functools import partial

from django.db import close_old_connections, transaction
from django.utils import timezone
from django_tasks import task

from portal.tasks.models import TaskRun

logger = logging.getLogger(__name__)


@task()
def run_attempt(run_id: str) -> None:
    """What workers call. A run that is taken, over or gone is nobody's work: twice does no harm.

    Connections that broke since the last run are replaced, which Redis' workers do not do. An attempt that
    fails to note its end goes no further: its lease runs out, and recovery puts the run in line again.
    """
    from portal.tasks.runner import attempt

    close_old_connections()
    try:
        attempt(run_id)
    except Exception:
        logger.exception("an attempt at background work could not be noted", extra={"run": run_id})
    finally:
        close_old_connections()


def dispatch_run(run: TaskRun) -> None:
    """Hands over when the open transaction is committed; to a backend that is away later, by recovery."""
    transaction.on_commit(partial(_hand_over, str(run.pk)))


def _hand_over(run_id: str) -> None:
    try:
        run_attempt.enqueue(run_id)
    except Exception as error:  # whatever the backend raises: the run waits in our table
        logger.error("background work could not be handed over: %s", type(error).__name__)
        return
    TaskRun.objects.filter(pk=run_id).update(dispatched_at=timezone.now())
