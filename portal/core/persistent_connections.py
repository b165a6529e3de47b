"""How many database connections a server process keeps open between requests.

Each thread has its own. After a rush all of them would stay open, although a few threads do the work again.
"""

import threading
import weakref
from typing import Any

from django.core.signals import request_finished
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_turn = threading.Lock()
_kept: weakref.WeakSet[BaseDatabaseWrapper] = weakref.WeakSet()


def keep_few_connections(most: int) -> None:
    """Close a thread's connection at the end of its request where `most` other threads kept theirs."""

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
