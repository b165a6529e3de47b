"""Periodic work: apps register it in AppConfig.ready(), and workers do it while no page waits."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import connections
from django.utils import timezone

from portal.core.leases import Lease

logger = logging.getLogger(__name__)

PeriodicTask = Callable[[], object]
# How often a worker checks whether periodic work is due, and when a failed start is repeated.
LOOK_EVERY = timedelta(minutes=1)
RETRY_AFTER = timedelta(minutes=10)


@dataclass(slots=True)
class _Regular:
    every: timedelta
    due_at: float = 0.0  # on this process's monotonic clock; 0.0 is due at once


_REGULAR: dict[PeriodicTask, _Regular] = {}


def register_housekeeping(function: PeriodicTask, *, every: timedelta) -> None:
    """Have each worker call `function` when it starts and then once per period `every`.

    Several workers may call it at once, so it must be safe to repeat. It must be short, because lost runs are
    recovered only after it.
    """
    _REGULAR[function] = _Regular(every)


def register_periodic(name: str, start: PeriodicTask, *, every: timedelta) -> None:
    """Have one of all workers call `start` once per period `every`.

    The due time is stored in the database, so a restart does not change it; the first is one period after a
    worker first sees the registration. `start` enqueues a run (portal.tasks.services) or is short. A failure
    is logged, and `start` is called again after RETRY_AFTER.
    """
    register_housekeeping(partial(_start_if_due, name, start, every), every=LOOK_EVERY)


def _start_if_due(name: str, start: PeriodicTask, every: timedelta) -> None:
    from portal.tasks.models import Periodic  # apps register before there are models

    now = timezone.now()
    known, _ = Periodic.objects.get_or_create(name=name, defaults={"due_at": now + every})
    if known.due_at > now:
        return
    # The time until the next start is a lease without a holder.
    claimed = Lease("", "due_at").claim(Periodic.objects.filter(name=name), "", lasts=every)
    if not claimed:
        return
    try:
        start()
    except Exception as error:
        logger.warning("periodic work %s could not be started: %s", name, type(error).__name__)
        connections.close_all()
        Periodic.objects.filter(name=name).update(due_at=now + RETRY_AFTER)


def run_housekeeping() -> None:
    """Run the functions that are due. A failure is logged by name, delays no other and is tried again."""
    for function, regular in list(_REGULAR.items()):
        if time.monotonic() < regular.due_at:
            continue
        regular.due_at = time.monotonic() + regular.every.total_seconds()
        try:
            function()
        except Exception as error:  # an error in one app must not prevent the recovery of lost runs
            name = getattr(function, "__qualname__", type(function).__name__)
            logger.warning("housekeeping %s.%s failed: %s", function.__module__, name, type(error).__name__)
            connections.close_all()
