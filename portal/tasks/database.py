"""The worker for TASKS_BACKEND=database: the one of django-tasks-db, with a cleaner shutdown."""

import logging
import os
import socket
import sys
import time
from contextlib import suppress
from types import FrameType

from django.db import InterfaceError, OperationalError, connection, connections
from django_tasks_db.management.commands.db_worker import Worker

from portal.tasks.cancellation import stop_worker

logger = logging.getLogger(__name__)
# Seconds until it looks for work again after finding none.
LOOK_EVERY = 1.0


class DatabaseWorker(Worker):
    """The counterpart of portal.tasks.redis.RedisWorker."""

    @classmethod
    def made(cls, name: str, batch: bool) -> "DatabaseWorker":
        """Return a worker of that name."""
        return cls(
            queue_names=["default"], interval=LOOK_EVERY, batch=batch, backend_name="default",
            startup_delay=False, max_tasks=None, worker_id=name, excluded_queue_names=[],
        )  # fmt: skip

    def start(self) -> None:
        """Work until a signal, or in a batch until nothing waits."""
        self.configure_signals()
        self.work_on()

    def work_on(self) -> None:
        """Work without signals. Unless in a batch, try again if the database is locked or unavailable."""
        while self.running:
            try:
                return self.run()
            except (OperationalError, InterfaceError) as error:
                if self.batch:
                    raise
                if not self.running:
                    break
                logger.warning("the database could not be asked for work: %s", type(error).__name__)
                connections.close_all()
                time.sleep(LOOK_EVERY)
        return None

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        """Stop the work at its next report, or at once at the second signal."""
        if not self.running:
            super().shutdown(signum, frame)
        stop_worker()
        self.running = False
        if not self.running_task and not _break_off_query():
            sys.exit(0)


def _break_off_query() -> bool:
    """End a wait for PostgreSQL, so that the loop ends by itself; whether there was a connection to wait on.

    An exception out of the signal would first wait ten seconds for the server to cancel the query.
    """
    if connection.vendor != "postgresql" or connection.connection is None or connection.connection.closed:
        return False
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire, suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    return True
