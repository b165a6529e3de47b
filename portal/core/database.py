"""Database connections: how long a statement waits for a lock, and how many connections stay open."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.signals import request_finished
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_turn = threading.Lock()
_kept: weakref.WeakSet[BaseDatabaseWrapper] = weakref.WeakSet()


@contextmanager
def lock_timeout(seconds: float) -> Iterator[None]:
    """Wait at most `seconds` for a lock within the block; a longer wait raises DatabaseError there."""
    sqlite = connection.vendor == "sqlite"
    setting = "PRAGMA busy_timeout = {}" if sqlite else "SET lock_timeout = '{}'"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout" if sqlite else "SHOW lock_timeout")
        usual = cursor.fetchone()[0]
        cursor.execute(setting.format(round(1000 * seconds)))
    try:
        yield
    finally:
        # A lost connection has forgotten it, and a transaction that failed takes it back itself.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(setting.format(usual))


def keep_few_connections(most: int) -> None:
    """Close a thread's connection at the end of its request if `most` other threads keep theirs.

    Each thread has its own. Otherwise all would stay open after a rush.
    """

    def close_surplus(**_: Any) -> None:
        with _turn:
            for other in [each for each in _kept if each.connection is None]:
                _kept.discard(other)
            own = connections[DEFAULT_DB_ALIAS]
            if own.connection is None or own in _kept or own.in_atomic_block:
                return
            if len(_kept) < most:
                _kept.add(own)
                return
        own.close()

    request_finished.connect(close_surplus, weak=False, dispatch_uid="portal.kept_connections")
