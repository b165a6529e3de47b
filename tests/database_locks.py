"""Hold a lock on a table in another connection, so that writing to it has to wait."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, connections


@contextmanager
def lock_table(table: str) -> Iterator[None]:
    """Block writes to `table`, or on SQLite to the whole database, until the block ends. Reading works."""
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
            if connection.vendor != "sqlite":
                cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            locked.set()
            release.wait(60)
            cursor.execute("ROLLBACK")
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(hold)
        assert locked.wait(10)
        try:
            yield
        finally:
            release.set()
            done.result()
