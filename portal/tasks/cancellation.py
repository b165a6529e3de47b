"""How work is stopped from outside: the worker is told to end, or the work took longer than it may."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NoReturn

_stopping = threading.Event()


class AttemptStopped(BaseException):
    """This attempt must not go on: it was stopped or taken over, or its worker ends. For nobody to catch."""


class AttemptOverdue(BaseException):
    """The work took longer than its kind may."""


def stop_worker() -> None:
    """Asks the work of this process to stop at its next report."""
    _stopping.set()


def worker_is_stopping() -> bool:
    """Whether this process was told to end."""
    return _stopping.is_set()


@contextmanager
def limit_time(limit: timedelta) -> Iterator[None]:
    """Raises AttemptOverdue in the block after that time, even out of a wait; in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _raise_overdue)
    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _raise_overdue(number: int, frame: FrameType | None) -> NoReturn:
    raise AttemptOverdue
