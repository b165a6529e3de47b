"""A shorter wait for locks of the database, where giving up is better than waiting."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection


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
