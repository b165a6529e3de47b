"""Leases and heartbeats: which process works on a row, and which processes are running.

A lease is two columns of a row: the holder and the time until which it holds. It is claimed in one
conditional UPDATE, so that only one of several processes gets it, on SQLite and on PostgreSQL. A process that
dies loses the lease when that time is over.

Two claims are not leases; each is one column, the time of the claim, without a holder. A change is claimed
by its state (portal.changes.execution): after some time it is settled as interrupted, and no other process
claims it to go on sending. A list (portal.directory.list_sync) is claimed only if it was not read since the
process looked, and the time is renewed as the rows are stored.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import close_old_connections, connections
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

logger = logging.getLogger(__name__)
# A row of a process that was not seen for this time is deleted.
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lease:
    """The columns of a lease: the one of the holder, "" for none at all, and the one of its end."""

    holder: str
    until: str

    def free(self, now: datetime) -> Q:
        """Return the condition for rows without a holder, or with one whose time is over."""
        return Q(**{self.until: None}) | Q(**{f"{self.until}__lt": now})

    def claim(self, rows: QuerySet[Any], holder: str, *, lasts: timedelta, **values: Any) -> bool:
        """Claim the row of the query if it is free, and set its `values`; return whether it was free."""
        now = timezone.now()
        return bool(rows.filter(self.free(now)).update(**self._held(holder, now + lasts), **values))

    def held_by(self, rows: QuerySet[Any], holder: str) -> QuerySet[Any]:
        """Return the query for what the holder still has: nothing after another one claimed it."""
        return rows.filter(**{self.holder: holder}) if self.holder else rows

    def extend(self, rows: QuerySet[Any], holder: str, *, lasts: timedelta, **values: Any) -> bool:
        """Let the lease last from now on, and set `values`; return whether the holder still had it."""
        held = self.held_by(rows, holder)
        return bool(held.update(**self._held(holder, timezone.now() + lasts), **values))

    def release(self, rows: QuerySet[Any], holder: str, **values: Any) -> bool:
        """Give the lease back, and set `values`; return whether the holder still had it."""
        return bool(self.held_by(rows, holder).update(**self.released, **values))

    @property
    def released(self) -> dict[str, Any]:
        """The columns of a row without a lease, for an update that ends it together with other columns."""
        return self._held("", None)

    def _held(self, holder: str, until: datetime | None) -> dict[str, Any]:
        columns: dict[str, Any] = {self.until: until}
        return {**columns, self.holder: holder} if self.holder else columns


class Heartbeat:
    """Call `beat` every `every` seconds in a thread, until `over` is set.

    A failure is logged with the words `failure`, and the next beat tries again.
    """

    def __init__(
        self,
        name: str,
        beat: Callable[[], object],
        *,
        every: float,
        failure: str,
        over: threading.Event | None = None,
    ) -> None:
        self.name, self.beat, self.every, self.failure = name, beat, every, failure
        self._over = over or threading.Event()
        self._thread: threading.Thread | None = None

    def beat_once(self) -> None:
        """Call `beat` now. It uses a database connection for no longer than the call."""
        try:
            close_old_connections()
            self.beat()
        except Exception as error:  # the database may be back at the next beat
            logger.warning("%s: %s", self.failure, type(error).__name__)
        finally:
            connections.close_all()

    def start(self, *, at_once: bool = False) -> None:
        """Start the thread. The first beat is one period later, or now with `at_once`."""
        self._thread = threading.Thread(target=self._run, args=(at_once,), name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the present beat."""
        self._over.set()
        if self._thread:
            self._thread.join()

    def _run(self, at_once: bool) -> None:
        if at_once:
            self.beat_once()
        while not self._over.wait(self.every):
            self.beat_once()


def record_process(model: type[Model], name: str, **values: Any) -> None:
    """Record in its row (`name`, `seen_at`) that a process is running, and forget those gone for a day."""
    now = timezone.now()
    rows = model._base_manager.all()
    rows.update_or_create(name=name, defaults={**values, "seen_at": now})
    rows.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()


def get_running_processes(rows: QuerySet[Any], *, seen_within: timedelta) -> QuerySet[Any]:
    """Return the rows of the processes that were seen recently enough to count as running."""
    return rows.filter(seen_at__gte=timezone.now() - seen_within)
