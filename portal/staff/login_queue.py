"""The sign-in queue: each worker process checks one password at a time, and few requests may wait for that.

Password hashes fill all cores, and waiting requests fill all threads. One at a time takes as long in total;
those who wait cost nothing, and threads stay free for pages.

The queue is shared fairly between addresses. One address may fill all places while nobody else wants one,
because a whole office may come from one address. A newcomer from elsewhere then gets the place of the last
one of the most crowded address, and addresses take turns: one stranger cannot keep others out.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from django.conf import settings

# Longer than a full queue takes on a slow machine, shorter than browsers and proxies wait.
LONGEST_WAIT = 25.0


class TooBusy(Exception):  # noqa: N818 - reads as what happened
    """No place is free, or a request from a less crowded address took this one's place."""


@dataclass(eq=False, slots=True)
class _Ticket:
    address: str
    admitted: bool = False
    evicted: bool = False


@dataclass(slots=True)
class ConcurrencyLimit:
    """Admit `at_once` requests at a time while up to `capacity` are admitted or wait."""

    at_once: int
    capacity: int
    _changed: Condition = field(default_factory=Condition)
    _waiting: OrderedDict[str, deque[_Ticket]] = field(default_factory=OrderedDict)
    _admitted: list[_Ticket] = field(default_factory=list)

    @property
    def left(self) -> int:
        """The number of free places."""
        return self.capacity - len(self._admitted) - sum(map(len, self._waiting.values()))

    @contextmanager
    def wait_for_turn(self, address: str = "") -> Iterator[None]:
        """Wait for a turn. Raise TooBusy if there is no place, or after LONGEST_WAIT seconds."""
        with self._changed:
            if self.left <= 0:
                self._evict_for(address)
            ticket = _Ticket(address)
            self._waiting.setdefault(address, deque()).append(ticket)
            self._admit()
            turn = self._changed.wait_for(lambda: ticket.admitted or ticket.evicted, LONGEST_WAIT)
            if not ticket.admitted:
                if not turn:
                    self._leave(ticket)
                raise TooBusy
        try:
            yield
        finally:
            with self._changed:
                self._admitted.remove(ticket)
                self._admit()

    def _evict_for(self, address: str) -> None:
        """Take a place from the address that has most of them, if it has more than `address` would have.

        Raises TooBusy otherwise.
        """
        crowded = max(self._waiting, key=lambda one: len(self._waiting[one]), default=None)
        mine = len(self._waiting.get(address, ()))
        if crowded is None or crowded == address or len(self._waiting[crowded]) <= mine + 1:
            raise TooBusy
        last = self._waiting[crowded][-1]
        last.evicted = True
        self._leave(last)
        self._changed.notify_all()

    def _leave(self, ticket: _Ticket) -> None:
        self._waiting[ticket.address].remove(ticket)
        if not self._waiting[ticket.address]:
            del self._waiting[ticket.address]

    def _admit(self) -> None:
        """Admit the next request: the first of the address whose turn it is."""
        while self._waiting and len(self._admitted) < self.at_once:
            address = next(iter(self._waiting))
            ticket = self._waiting[address][0]
            self._leave(ticket)
            if address in self._waiting:
                self._waiting.move_to_end(address)
            ticket.admitted = True
            self._admitted.append(ticket)
            self._changed.notify_all()


LOGIN_QUEUE = ConcurrencyLimit(at_once=1, capacity=settings.LOGIN_QUEUE_CAPACITY)
