"""The registry of background work: what each kind does, its limits and its permission."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.http import HttpRequest

from portal.tasks.models import TaskRun
from provisioning.registry import Registry


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made: `reference` is JSON that its kind's `link` and `discard` understand.

    After `keep` (None: as long as the run is kept) `discard` is called and the reference deleted.
    """

    reference: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    keep: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link to what a run made."""

    label: str
    url: str
    icon: str = "arrow-right"


class Decision(StrEnum):
    """What a user did with a run."""

    STOPPED = "stopped"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class TaskType:
    """One kind of background work.

    `work(run, **arguments)` does it and returns a Result. It is called again from the beginning if a worker
    was killed, so it must be idempotent. It calls `report_progress` at least every few seconds, which is
    where it can be stopped. `permission` is required to start it again; "" requires none.
    `discard(run)` removes what a run made, in full or in part: when its result expires, when an attempt
    fails, and when the run is deleted. It must be safe to repeat.
    `step_up`: only users who confirmed their identity recently may stop it or start it again.
    `decided(run, decision, request)` records that a user did either, in the same transaction.
    """

    work: Callable[..., Result]
    permission: str = ""
    deadline: timedelta = timedelta(hours=1)
    max_attempts: int = 3
    link: Callable[[TaskRun], Link | None] = lambda run: None
    discard: Callable[[TaskRun], None] = lambda run: None
    step_up: bool = False
    decided: Callable[[TaskRun, Decision, HttpRequest], None] = lambda run, decision, request: None


# Registered in `ready` of the app that does the work. A run refers to its type by name.
TASK_TYPES: Registry[TaskType] = Registry("task types")


def get_task_types_open_to(person: Any) -> list[str]:
    """Return the names of the types that need a permission which the user has."""
    return [name for name, kind in TASK_TYPES.items() if kind.permission and person.has_perm(kind.permission)]
