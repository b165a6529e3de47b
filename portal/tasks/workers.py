"""A worker process: the backend's own worker, and a thread that gives signs of life, recovers and tidies."""

import logging
import os
import socket
import threading
import time
import uuid

from django.conf import settings
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections
from django.db.migrations.executor import MigrationExecutor

from portal.tasks.periodic import housekeeping_do
from portal.tasks.recovery import runs_recover, worker_note

logger = logging.getLogger(__name__)
# How often a worker looks for lost runs, in seconds.
RECOVER_EVERY = 5.0


def work(*, batch: bool) -> None:
    """Carries out background work until SIGTERM, or in a batch until nothing waits."""
    _database_ready(batch)
    name = f"{socket.gethostname()[:30]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    runs_recover()
    if batch:
        housekeeping_do()
    else:
        threading.Thread(target=_see_to_it, args=(name,), name="recovery", daemon=True).start()
    _backend_work(name, batch)


def _database_ready(batch: bool) -> None:
    """Wait for the database, not in a batch. Raises CommandError where it lacks tables."""
    while True:
        try:
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if any(migration.app_label != "django_rq" for migration, _ in plan):  # which has no tables
                raise CommandError(
                    "The database lacks tables of this version, or of TASKS_BACKEND: run `manage.py migrate`."
                )
            return
        except (OperationalError, InterfaceError) as error:
            if batch:
                raise
            logger.warning("waiting for the database: %s", type(error).__name__)
            connections.close_all()
            time.sleep(RECOVER_EVERY)


def _backend_work(name: str, batch: bool) -> None:
    # Each backend's tables and packages are there only where it is the one.
    if settings.TASKS_BACKEND == "redis":
        from portal.tasks.redis import redis_work

        redis_work(name, batch)
    else:
        from portal.tasks.database import DatabaseWorker

        DatabaseWorker.made(name, batch).start()


def _see_to_it(name: str) -> None:
    pause = threading.Event()
    while True:
        try:
            close_old_connections()
            worker_note(name)
            runs_recover()
            housekeeping_do()
        except Exception as error:  # the database may be back the next time
            logger.warning("recovery of background work failed: %s", type(error).__name__)
            connections.close_all()
        pause.wait(RECOVER_EVERY)
