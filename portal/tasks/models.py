"""Runs of background work, workers and due times of periodic work. Only portal.tasks writes them."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.core.leases import Lease


class State(models.TextChoices):
    """waiting → running → done | failed | cancelled; a lost worker leads back to waiting, as does a retry."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Stopped"


OPEN = (State.WAITING, State.RUNNING)


# The attempt that works on a run has its lease.
LEASE = Lease("claim", "lease_until")


class TaskRun(models.Model):
    """One piece of work of an owner. `arguments` and `result` are JSON without secrets.

    `claim` identifies the attempt that works on the run until `lease_until`; it is "" for none. An attempt
    with another claim writes nothing. The database refuses a second open run with the same `key`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    arguments = models.JSONField(default=dict)
    key = models.CharField(max_length=200, blank=True)
    owner_id = models.BigIntegerField(null=True)
    owner_name = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    message = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    result_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # Since when the run waits for a worker: since it was created, started again, or lost by its worker.
    waiting_since = models.DateTimeField(default=timezone.now, db_default=Now())
    # Of the page that started it. The worker logs it, too.
    request_id = models.CharField(max_length=32, blank=True, default="", db_default="")
    dispatched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        """Name the table and sort the newest runs first."""

        db_table = "tasks_run"
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner_id", "-created_at"], name="tasks_by_owner"),
            models.Index(fields=["state", "created_at"], name="tasks_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(state__in=OPEN) & ~Q(key=""), name="tasks_one_open_per_key"
            )
        ]

    @property
    def is_open(self) -> bool:
        """Return whether the run is waiting or running."""
        return self.state in OPEN


class Worker(models.Model):
    """A worker process and when it was last seen."""

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)


class Periodic(models.Model):
    """When periodic work is due next. Any worker may start it."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField()
