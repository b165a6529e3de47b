"""What can be done in the background, as a registry: kind → the function that does it, and its bounds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.http import HttpRequest

from portal.tasks.models import TaskRun


class UnknownKind(Exception):  # noqa: N818 - reads as what happened
    """The kind was never registered: a mistake in the program."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves: `reference` is JSON that its kind's `link` and `discard` understand.

    After `keep` (None: as long as the run is kept) `discard` is called and the reference forgotten.
    """

    reference: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    keep: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Where the owner finds what a run made."""

    label: str
    url: str
    icon: str = "arrow-right"


class Decision(StrEnum):
    """What a person did with a run."""

    STOPPED = "stopped"
    RESTARTED = "restarted"


def _nothing_to_record(run: TaskRun, decision: Decision, request: HttpRequest) -> None:
    return None


def _nothing_to_link(run: TaskRun) -> Link | None:
    return None


def _nothing_to_discard(run: TaskRun) -> None:
    return None


@dataclass(frozen=True, slots=True)
class TaskType:
    """One kind of background work.

    `work(run, **arguments)` does it and returns a Result. It may be called again from the beginning when a
    worker was killed, so it must be idempotent, and it calls `report_progress` at least every few seconds:
    that is where it is stopped. `permission` is what a person needs to start it again; "" is nothing.
    `discard(run)` takes away what a run made or began to make: when its result expires, when an attempt
    fails, and when the run is forgotten; repeating it must do no harm.
    `step_up`: stopped and started again only by those who proved a short while ago who they are.
    `decided(run, decision, request)` records that somebody did either, in the same transaction.
    """

    name: str
    work: Callable[..., Result]
    permission: str = ""
    deadline: timedelta = timedelta(hours=1)
    most_attempts: int = 3
    link: Callable[[TaskRun], Link | None] = _nothing_to_link
    discard: Callable[[TaskRun], None] = _nothing_to_discard
    step_up: bool = False
    decided: Callable[[TaskRun, Decision, HttpRequest], None] = _nothing_to_record


_KINDS: dict[str, TaskType] = {}


def register_task_type(kind: TaskType) -> None:
    """Makes a kind known, from the `ready()` of its room. Raises ValueError for a name that is taken."""
    if _KINDS.setdefault(kind.name, kind) != kind:
        raise ValueError(f"There are two kinds of background work called {kind.name}.")


def get_task_type(name: str) -> TaskType:
    """The kind of that name. Raises UnknownKind."""
    try:
        return _KINDS[name]
    except KeyError:
        raise UnknownKind(name) from None


def get_task_types_open_to(person: Any) -> list[str]:
    """Names of the kinds that need a right, which the person has."""
    return [kind.name for kind in _KINDS.values() if kind.permission and person.has_perm(kind.permission)]
