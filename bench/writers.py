"""Eight threads that record events at once, and bare commits for scale, in a Django shell of bench.audit."""

import threading
import time

from django.db import connection, connections

from portal.audit.recording import get_system_origin, record_event

WRITERS, EACH = 8, 50
COMMITS = 100


def writers_run() -> None:
    """Print how many events per second the threads record, and how many small commits the disk takes."""
    threads = [threading.Thread(target=_write, args=(number,)) for number in range(WRITERS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(WRITERS * EACH / (time.perf_counter() - started), _commits())


def _commits() -> float:
    """Return the commits per second of one small row; each waits for the disk, as an event does."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_commits (number integer)")
        started = time.perf_counter()
        for number in range(COMMITS):
            cursor.execute("INSERT INTO bench_commits VALUES (%s)", [number])
        seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_commits")
    return COMMITS / seconds


def _write(number: int) -> None:
    for turn in range(EACH):
        record_event(
            action="session.signed_in", origin=get_system_origin(f"writer {number}"), message=str(turn)
        )
    connections.close_all()
