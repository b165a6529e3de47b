"""How the pages show a run: state, colour, progress, link and buttons."""

from collections.abc import Iterable
from dataclasses import dataclass

from portal.tasks.models import State, TaskRun
from portal.tasks.registry import Link, UnknownKind, get_task_type

_COLOURS = {
    State.WAITING: "blue",
    State.RUNNING: "blue",
    State.DONE: "green",
    State.FAILED: "red",
    State.CANCELLED: "grey",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. `share` is the progress in percent, None if unknown."""

    run: TaskRun
    words: str
    colour: str
    share: int | None
    link: Link | None
    can_cancel: bool
    can_retry: bool


def build_rows(runs: Iterable[TaskRun]) -> list[Row]:
    """Return a row for each run, in the same order."""
    return [build_row(run) for run in runs]


def build_row(run: TaskRun) -> Row:
    """Return the row of a run."""
    state = State(run.state)
    return Row(
        run=run,
        words=state.label,
        colour=_COLOURS[state],
        share=_share(run),
        link=_link(run) if state == State.DONE else None,
        can_cancel=run.is_open,
        can_retry=state in (State.FAILED, State.CANCELLED),
    )


def _share(run: TaskRun) -> int | None:
    if run.state != State.RUNNING or not run.total:
        return None
    return min(100, 100 * run.done // run.total)


def _link(run: TaskRun) -> Link | None:
    try:
        return get_task_type(run.kind).link(run)
    except UnknownKind:
        return None
