"""What the ready-check says of background work: a warning where nobody would do it."""

from portal.console.health import WARNINGS, NotReadyError
from portal.tasks.recovery import worker_is_there


def checks_register() -> None:
    """Adds the warning to /healthz/ready."""
    WARNINGS["background work"] = worker_there


def worker_there() -> None:
    """Raises NotReadyError where no worker gave a sign of life within a minute."""
    if not worker_is_there():
        raise NotReadyError("no worker is there: exports and verifications wait (manage.py tasks_work)")
