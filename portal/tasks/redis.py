"""The worker for TASKS_BACKEND=redis: RQ's, in one process, so that both backends behave the same."""

import itertools
import logging
import time
from types import FrameType

import django_rq
from django_rq.queues import DjangoRQ
from django_tasks_rq import Job
from redis import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from portal.tasks.cancellation import stop_worker, worker_is_stopping

logger = logging.getLogger(__name__)
# Seconds until an unavailable Redis is asked again.
LOOK_AGAIN = 5.0


class RedisWorker(SimpleWorker):
    """RQ's worker that does not fork: kill -9 ends work and worker together, and the lease expires."""

    batch = False

    @classmethod
    def made(cls, name: str, batch: bool) -> "RedisWorker":
        """Return a worker of that name."""
        queue = django_rq.get_queue("default", job_class=Job)
        worker = cls(
            [queue], name=name, connection=queue.connection, job_class=Job, queue_class=DjangoRQ,
            serializer=JSONSerializer,
        )  # fmt: skip
        worker.batch = batch
        return worker

    def start(self) -> None:
        """Work until a signal, or in a batch until nothing waits."""
        self.work(burst=self.batch, logging_level="WARNING")

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """The first signal stops the work at its next report; RQ then ends, and at once on a second one."""
        stop_worker()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work_on_redis(name: str, batch: bool) -> None:
    """Work until a signal, or in a batch until nothing waits. Unless in a batch, wait for Redis."""
    for tries in itertools.count():
        try:
            return RedisWorker.made(f"{name}-{tries}", batch).start()
        except RedisError as error:
            if batch or worker_is_stopping():
                raise
            logger.warning("Redis could not be asked for work: %s", type(error).__name__)
            time.sleep(LOOK_AGAIN)
    return None
