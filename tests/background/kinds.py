"""Kinds of work that leave traces in a file, fail, or never end."""

import errno
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from django.db import OperationalError

from portal.tasks.models import TaskRun
from portal.tasks.registry import TASK_TYPES, Link, Result, TaskType
from portal.tasks.services import TaskFailed, report_progress
from provisioning.registry import UnknownNameError


def counted(run: TaskRun, file: str, steps: int, pause: float) -> Result:
    """Steps with a pause, each run's begin and end written down with the process that did it."""
    _write(file, f"begin {run.pk} {os.getpid()}")
    for step in range(steps):
        report_progress(run=run, done=step, total=steps)
        time.sleep(pause)
    _write(file, f"end {run.pk} {os.getpid()}")
    return Result({"file": file}, message="counted", keep=timedelta(hours=1))


def met(run: TaskRun, file: str) -> Result:
    """Does not end before another process works at the same time."""
    _write(file, f"begin {run.pk} {os.getpid()}")
    limit = time.monotonic() + 60
    while len({line.split()[2] for line in Path(file).read_text().splitlines()}) < 2:
        if time.monotonic() > limit:
            raise TaskFailed("Nobody came.")
        time.sleep(0.05)
    _write(file, f"end {run.pk} {os.getpid()}")
    return Result({"file": file}, message="met")


def broken(run: TaskRun) -> Result:
    """A mistake in the program, with something in its text that is nobody's business."""
    raise ValueError("canary-secret")


def mistaken(*_: object) -> NoReturn:
    """A mistake in the program: nothing is registered under this name."""
    raise UnknownNameError("canary-secret")


def lost(run: TaskRun) -> Result:
    """Its database went away."""
    raise OperationalError("canary-secret")


def full(run: TaskRun) -> Result:
    """Its disk is full."""
    raise OSError(errno.ENOSPC, "canary-secret")


def refused(run: TaskRun) -> Result:
    """Cannot be done."""
    raise TaskFailed("There is nothing to count.")


def endless(run: TaskRun) -> Result:
    """Reports nothing and does not end."""
    time.sleep(30)
    return Result()


def file_removed(run: TaskRun) -> None:
    """What a kind with files does when its result expires."""
    if run.result:
        Path(run.result["file"]).unlink(missing_ok=True)


def kinds_register() -> None:
    """Repeating it changes nothing."""
    if "test.count" in TASK_TYPES:
        return
    TASK_TYPES.register("test.count", TaskType(counted, link=_counted_link, discard=file_removed))
    TASK_TYPES.register("test.met", TaskType(met))
    TASK_TYPES.register("test.broken", TaskType(broken, permission="audit.export"))
    TASK_TYPES.register(
        "test.mistaken", TaskType(mistaken, discard=mistaken, decided=mistaken, link=mistaken)
    )
    TASK_TYPES.register("test.refused", TaskType(refused))
    TASK_TYPES.register("test.lost", TaskType(lost))
    TASK_TYPES.register("test.full", TaskType(full))
    TASK_TYPES.register("test.endless", TaskType(endless, deadline=timedelta(seconds=0.3)))


def _counted_link(run: TaskRun) -> Link:
    return Link("Download", f"/counted/{run.pk}/")


def _write(file: str, line: str) -> None:
    """One write to a file opened for appending: processes do not mix their lines."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)
