"""Key rotation as background work, for `manage.py keyring rotate --background`. It can be resumed."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from portal.audit.recording import AuditUnavailable, Origin, origin_of, record_event
from portal.keys.services import KeyNotEverywhere, get_key_usage, rotate_keyring
from portal.tasks.models import TaskRun
from portal.tasks.registry import TASK_TYPES, Decision, Result, TaskType
from portal.tasks.services import Owner, TaskFailed, enqueue_task, report_progress
from provisioning import encryption
from provisioning.encryption import KeyringError

KIND = "keyring.rotate"
_DECIDED = {
    Decision.STOPPED: "keyring.rotation_stopped",
    Decision.RESTARTED: "keyring.rotation_restarted",
}


def register_tasks() -> None:
    """Register rotation as background work, visible to everyone who may reset credentials."""
    TASK_TYPES.register(
        KIND,
        TaskType(
            _rotate,
            permission="credential.reset",
            deadline=timedelta(days=1),
            step_up=True,
            decided=_record_decision,
        ),
    )


def start_rotation(*, origin: Origin, despite: str = "") -> TaskRun:
    """Start a rotation, or return the one under way. `despite` as for `rotate_keyring`."""
    arguments = {"origin": asdict(origin), "mark": encryption.key_marks()[0], "despite": despite}
    title = f"Re-encrypt all stored secrets with key “{encryption.current_key_id()}”"
    return enqueue_task(
        kind=KIND, title=title, owner=Owner(None, origin.actor_name), arguments=arguments, key=KIND
    )


def _record_decision(run: TaskRun, decision: Decision, request: HttpRequest) -> None:
    record_event(action=_DECIDED[decision], origin=origin_of(request), message=run.title)


def _rotate(run: TaskRun, origin: dict[str, Any], mark: str, despite: str) -> Result:
    """Rotate; started again, continue with the values that are not re-encrypted yet."""

    def progress(place: str, done: int) -> None:
        report_progress(run=run, done=done, total=total, message=place)

    try:
        if encryption.key_marks()[0] != mark:
            raise TaskFailed(
                f"The worker encrypts with a different key, “{encryption.current_key_id()}”. "
                "Restart it with the new key in first place."
            )
        total = get_key_usage().waiting
        done = rotate_keyring(origin=Origin(**origin), progress=progress, despite=despite)
    except (KeyringError, KeyNotEverywhere, AuditUnavailable) as problem:
        raise TaskFailed(str(problem)) from None
    return Result(message=f"{done} values were re-encrypted")
