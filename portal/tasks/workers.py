"""A worker process: the worker of the backend, and a thread for heartbeats, recovery and periodic work."""

import logging
import os
import socket
import time
import uuid

from django.conf import settings
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from portal.core.leases import Heartbeat
from portal.tasks.periodic import run_housekeeping
from portal.tasks.recovery import record_worker, recover_runs

logger = logging.getLogger(__name__)
# How often a worker looks for lost runs, in seconds.
RECOVER_EVERY = 5.0


def run_worker(*, batch: bool) -> None:
    """Carry out background work until SIGTERM, or in a batch until nothing waits."""
    _wait_for_database(batch)
    name = f"{socket.gethostname()[:30]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    recover_runs()
    if batch:
        run_housekeeping()
    else:

        def look_after_runs() -> None:
            record_worker(name)
            recover_runs()
            run_housekeeping()

        failure = "recovery of background work failed"
        recovery = Heartbeat("recovery", look_after_runs, every=RECOVER_EVERY, failure=failure)
        recovery.start(at_once=True)
    # The tables and packages of a backend exist only if it is the configured one.
    if settings.TASKS_BACKEND == "redis":
        from portal.tasks.redis import work_on_redis

        work_on_redis(name, batch)
    else:
        from portal.tasks.database import DatabaseWorker

        DatabaseWorker.made(name, batch).start()


def _wait_for_database(batch: bool) -> None:
    """Wait for the database, unless in a batch. Raises CommandError if tables are missing."""
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
