"""Signing in costs more than any page: it happens one at a time in each worker process, and few may wait.

Without this, twenty people who come at nine o'clock would make each other, and every open page, wait: their
hashes fill all cores, and their requests all threads. One at a time takes as long in total, because a hash
keeps a core busy; the others wait without costing anything, and threads stay free for pages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from django.conf import settings


class TooBusy(Exception):  # noqa: N818 - reads as what happened
    """So many are waiting to sign in that one more would take a thread that pages need."""


class Turnstile:
    """Lets `at_once` through at a time, while up to `room` are inside or wait; `left` is room for more."""

    def __init__(self, *, at_once: int, room: int) -> None:
        self._passing, self._lock, self.left = BoundedSemaphore(at_once), Lock(), room

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Waits for its turn. Raises TooBusy at once if there is no room."""
        with self._lock:
            if not self.left:
                raise TooBusy
            self.left -= 1
        try:
            with self._passing:
                yield
        finally:
            with self._lock:
                self.left += 1


TURNSTILE = Turnstile(at_once=1, room=settings.SIGN_IN_ROOM)
