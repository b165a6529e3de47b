"""What rooms have workers do regularly: AppConfig.ready() registers it, no page waits for it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections

logger = logging.getLogger(__name__)

Chore = Callable[[], object]


@dataclass(slots=True)
class _Regular:
    every: timedelta
    due_at: float = 0.0  # on this process's monotonic clock: at once where it never ran


_REGULAR: dict[Chore, _Regular] = {}


def housekeeping_register(function: Chore, *, every: timedelta) -> None:
    """Has each worker call `function` when it starts and then `every` so often.

    Several workers may call it at once, so it must be safe to repeat, and short: lost runs wait for it.
    """
    _REGULAR[function] = _Regular(every)


def housekeeping_do() -> None:
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


def _name(function: Chore) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}"
