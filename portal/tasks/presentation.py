"""How the pages show a run: state, colour, progress, link and buttons."""

from collections.abc import Iterable
from dataclasses import dataclass

from portal.tasks.models import State, TaskRun
from portal.tasks.registry import TASK_TYPES, Link

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
    state, link = State(run.state), None
    if state == State.DONE and run.kind in TASK_TYPES:
        link = TASK_TYPES.get(run.kind).link(run)
    share = None
    if state == State.RUNNING and run.total:
        share = min(100, 100 * run.done // run.total)
    return Row(
        run=run,
        words=state.label,
        colour=_COLOURS[state],
        share=share,
        link=link,
        can_cancel=run.is_open,
        can_retry=state in (State.FAILED, State.CANCELLED),
    )
