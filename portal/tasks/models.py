"""One row per run of background work, and one per worker. Only portal.tasks writes them."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone


class State(models.TextChoices):
    """waiting → running → done | failed | cancelled; a lost worker leads back to waiting, as does a retry."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Stopped"


OPEN = (State.WAITING, State.RUNNING)


class TaskRun(models.Model):
    """One piece of work of one owner, frozen by name. `arguments` and `result` are JSON and hold no secrets.

    `claim` is the mark of the attempt that works on it, "" for none, good until `lease_until`: whoever holds
    another mark writes nothing. Of two open runs with one `key` the database refuses the second.
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
    # Since when the run waits for a worker: made, started again, or lost by the worker that had it.
    waiting_since = models.DateTimeField(default=timezone.now, db_default=Now())
    # Of the page that started it: the lines that the worker logs carry it too.
    request_id = models.CharField(max_length=32, blank=True, default="", db_default="")
    dispatched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        """Newest first."""

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
        """It waits or runs."""
        return self.state in OPEN


class Worker(models.Model):
    """A worker process and when it last gave a sign of life."""

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)


class Periodic(models.Model):
    """When a piece of periodic work is due next, whichever worker starts it."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField()
