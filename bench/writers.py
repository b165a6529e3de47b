"""Eight threads that record events at once, run inside a Django shell by bench.audit."""

import threading
import time

from django.db import connections

from portal.audit.services import event_record, origin_system

WRITERS, EACH = 8, 50


def writers_run() -> None:
    """Prints how many events they recorded in a second."""
    threads = [threading.Thread(target=_write, args=(number,)) for number in range(WRITERS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(WRITERS * EACH / (time.perf_counter() - started))


def _write(number: int) -> None:
    for turn in range(EACH):
        event_record(action="session.signed_in", origin=origin_system(f"writer {number}"), message=str(turn))
    connections.close_all()
