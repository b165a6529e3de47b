"""How long the request at hand has waited for the gateway, so that pages can tell their own time from its."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_waited: ContextVar[float] = ContextVar("gateway_waited", default=0.0)


def waited_reset() -> None:
    """Starts counting anew, at the beginning of a request."""
    _waited.set(0.0)


def waited_seconds() -> float:
    """Seconds of wall clock spent in exchanges with the gateway since the last reset, in this context."""
    return _waited.get()


@contextmanager
def waiting() -> Iterator[None]:
    """Counts the time within, whatever way it ends."""
    started = time.perf_counter()
    try:
        yield
    finally:
        _waited.set(_waited.get() + time.perf_counter() - started)
