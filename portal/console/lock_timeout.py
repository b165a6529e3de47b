"""A shorter wait for locks of the database, where giving up is better than waiting."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def lock_timeout(seconds: float) -> Iterator[None]:
    """Wait at most `seconds` for a lock within the block; a longer one raises DatabaseError there.

    On PostgreSQL the block is one transaction, because the limit must not outlive it.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            usual = cursor.fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")
            try:
                yield
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {usual}")
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {round(1000 * seconds)}")
        yield
