"""What rooms have workers do regularly: AppConfig.ready() registers it, no page waits for it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import connections
from django.utils import timezone

logger = logging.getLogger(__name__)

PeriodicTask = Callable[[], object]
# How often a worker looks whether periodic work is due, and when what could not be started is tried again.
LOOK_EVERY = timedelta(minutes=1)
RETRY_AFTER = timedelta(minutes=10)


@dataclass(slots=True)
class _Regular:
    every: timedelta
    due_at: float = 0.0  # on this process's monotonic clock: at once where it never ran


_REGULAR: dict[PeriodicTask, _Regular] = {}


def register_housekeeping(function: PeriodicTask, *, every: timedelta) -> None:
    """Has each worker call `function` when it starts and then `every` so often.

    Several workers may call it at once, so it must be safe to repeat, and short: lost runs wait for it.
    """
    _REGULAR[function] = _Regular(every)


def register_periodic(name: str, start: PeriodicTask, *, every: timedelta) -> None:
    """Have one of all workers call `start` every so often: for work that must not be done by each of them.

    The time is kept in the database, so restarts change nothing; the first time is one period after the
    first worker knew of it. `start` puts a run in line (portal.tasks.services) or is short. A failure is
    logged, and tried again after RETRY_AFTER.
    """
    register_housekeeping(partial(_start_if_due, name, start, every), every=LOOK_EVERY)


def _start_if_due(name: str, start: PeriodicTask, every: timedelta) -> None:
    from portal.tasks.models import Periodic  # apps register before there are models

    now = timezone.now()
    known, _ = Periodic.objects.get_or_create(name=name, defaults={"due_at": now + every})
    if known.due_at > now:
        return
    # Exactly one worker finds the row as it was read.
    if not Periodic.objects.filter(name=name, due_at=known.due_at).update(due_at=now + every):
        return
    try:
        start()
    except Exception as error:
        logger.warning("periodic work %s could not be started: %s", name, type(error).__name__)
        connections.close_all()
        Periodic.objects.filter(name=name).update(due_at=now + RETRY_AFTER)


def run_housekeeping() -> None:
    """Does what is due. What fails is logged by its name, tried again next time, and keeps back no other."""
    for function, regular in list(_REGULAR.items()):
        if time.monotonic() < regular.due_at:
            continue
        regular.due_at = time.monotonic() + regular.every.total_seconds()
        try:
            function()
        except Exception as error:  # a room's mistake must not keep lost runs from being found
            logger.warning("housekeeping %s failed: %s", _name(function), type(error).__name__)
            connections.close_all()


def _name(function: PeriodicTask) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}"
