"""Periodic work: apps register it in AppConfig.ready(), and workers do it while no page waits."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from portal.core.leases import Lease
from provisioning.registry import Registry

logger = logging.getLogger(__name__)

# How often a worker checks whether periodic work is due, and when a failed start is repeated.
LOOK_EVERY = timedelta(minutes=1)
RETRY_AFTER = timedelta(minutes=10)


@dataclass(slots=True)
class Housekeeping:
    """A function that each worker calls when it starts and then once per period `every`.

    Several workers may call it at once, so it must be safe to repeat. It must be short, because lost runs are
    recovered only after it.
    """

    function: Callable[[], object]
    every: timedelta
    due_at: float = 0.0  # on this process's monotonic clock; 0.0 is due at once


@dataclass(slots=True)
class PeriodicTask:
    """A function that one of all workers calls once per period `every`.

    The due time is stored in the database under the task's name, so a restart does not change it; the first
    is one period after a worker first sees the task. `start` enqueues a run (portal.tasks.services) or is
    short. A failure is logged, and `start` is called again after RETRY_AFTER.
    """

    start: Callable[[], object]
    every: timedelta


HOUSEKEEPING: Registry[Housekeeping] = Registry("housekeeping")
PERIODIC_TASKS: Registry[PeriodicTask] = Registry("periodic tasks")


def run_housekeeping() -> None:
    """Call the functions that are due. A failure is logged by name, delays no other and is tried again."""
    for name, housekeeping in HOUSEKEEPING.items():
        if time.monotonic() < housekeeping.due_at:
            continue
        housekeeping.due_at = time.monotonic() + housekeeping.every.total_seconds()
        try:
            housekeeping.function()
        except Exception as error:  # an error in one app must not prevent the recovery of lost runs
            logger.warning("housekeeping %s failed: %s", name, type(error).__name__)
            connections.close_all()


def start_due_tasks() -> None:
    """Start the periodic tasks that are due. A failure is logged and tried again after RETRY_AFTER."""
    from portal.tasks.models import Periodic  # apps register before there are models

    for name, task in PERIODIC_TASKS.items():
        now = timezone.now()
        known, _ = Periodic.objects.get_or_create(name=name, defaults={"due_at": now + task.every})
        if known.due_at > now:
            continue
        # The time until the next start is a lease without a holder.
        claimed = Lease("", "due_at").claim(Periodic.objects.filter(name=name), "", lasts=task.every)
        if not claimed:
            continue
        try:
            task.start()
        except Exception as error:
            logger.warning("periodic work %s could not be started: %s", name, type(error).__name__)
            connections.close_all()
            Periodic.objects.filter(name=name).update(due_at=now + RETRY_AFTER)


HOUSEKEEPING.register("periodic tasks", Housekeeping(start_due_tasks, every=LOOK_EVERY))
