"""Stop running work: because the worker is told to end, or because the work exceeds its time limit."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NoReturn

_stopping = threading.Event()


class AttemptStopped(BaseException):
    """The attempt must not go on: the run was stopped or claimed, or the worker ends. Do not catch it."""


class AttemptOverdue(BaseException):
    """The work exceeded the time limit of its kind."""


def stop_worker() -> None:
    """Make the work of this process stop at its next progress report."""
    _stopping.set()


def worker_is_stopping() -> bool:
    """Return whether this process was told to end."""
    return _stopping.is_set()


@contextmanager
def limit_time(limit: timedelta) -> Iterator[None]:
    """Raise AttemptOverdue in the block after that time, even during a wait; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_overdue(number: int, frame: FrameType | None) -> NoReturn:
        raise AttemptOverdue

    before = signal.signal(signal.SIGALRM, raise_overdue)
    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
