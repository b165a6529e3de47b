"""Measure how long the current request has waited for the gateway, and limit how long it may wait.

All calls of one page share one limit.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_waited: ContextVar[float] = ContextVar("gateway_waited", default=0.0)


def reset_gateway_time() -> None:
    """Reset the time at the beginning of a request."""
    _waited.set(0.0)


def get_gateway_seconds() -> float:
    """Return the seconds of wall clock spent in exchanges with the gateway since the last reset."""
    return _waited.get()


@contextmanager
def measure_gateway_time() -> Iterator[None]:
    """Add the time of the block, however it ends."""
    started = time.perf_counter()
    try:
        yield
    finally:
        _waited.set(_waited.get() + time.perf_counter() - started)


_ends: ContextVar[float | None] = ContextVar("gateway_time_limit", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit all exchanges in the block together to `seconds` of wall clock, or to an outer limit's rest."""
    ends, outer = time.monotonic() + seconds, _ends.get()
    mark = _ends.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _ends.reset(mark)


def get_time_left() -> float | None:
    """Return the seconds left of the limit, None where there is none (commands, background tasks)."""
    ends = _ends.get()
    return None if ends is None else max(0.0, ends - time.monotonic())
