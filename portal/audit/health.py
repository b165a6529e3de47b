"""What the ready-check asks of the trail: red where it cannot be written, warnings about the rest."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseFailure
from django.db import connection, transaction

from portal.audit.anchors_missing import anchors_trouble
from portal.audit.guards import EVENT, guards_missing
from portal.audit.models import Head
from portal.audit.services import AuditUnavailable, record_try
from portal.audit.stream.backlog import backlogs
from portal.console.health import CHECKS, WARNINGS, NotReadyError

SECONDS_FOR_LOCK = 3


def checks_register() -> None:
    """Adds the checks to /healthz/ready."""
    CHECKS["audit trail"] = trail_writable
    WARNINGS["audit guards"] = guards_there
    WARNINGS["audit anchors"] = anchors_there
    WARNINGS["audit owner"] = owner_apart
    WARNINGS["audit stream"] = stream_current


def trail_writable() -> None:
    """Does what a writer does and takes it back: nothing is sent where this fails. Raises NotReadyError."""
    try:
        with _patience():
            record_try()
            return
    except DatabaseFailure as failure:
        reason: BaseException = failure
    except AuditUnavailable as refusal:
        reason = refusal.__cause__ or refusal
    if isinstance(reason, AuditUnavailable):
        raise NotReadyError("the end of the audit trail was tampered with: nothing is sent")
    if isinstance(reason, Head.DoesNotExist):
        raise NotReadyError("the audit trail has lost its head: nothing can be recorded, nothing is sent")
    raise NotReadyError(f"the audit trail cannot be written ({type(reason).__name__}): nothing is sent")


def guards_there() -> None:
    """Raises NotReadyError naming the guards that are not there."""
    missing = guards_missing(connection)
    if missing:
        raise NotReadyError(
            f"the audit trail's guards in the database are missing or altered: {', '.join(missing)}"
        )


def anchors_there() -> None:
    """Raises NotReadyError where the last anchor is missing, old, or another could not be written."""
    if trouble := anchors_trouble():
        raise NotReadyError(trouble)


def owner_apart() -> None:
    """Raises NotReadyError where the portal's database role may alter the audit table and its guards."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_has_role(current_user, relowner, 'USAGE'), has_table_privilege(oid, 'DELETE'),
            has_table_privilege(oid, 'UPDATE') FROM pg_class WHERE oid = to_regclass(%s)""",
            [EVENT],
        )
        if any(cursor.fetchone() or ()):
            raise NotReadyError(
                "the portal's database role owns the audit table and could take its guards off: "
                "run manage.py database_roles"
            )


def stream_current() -> None:
    """Raises NotReadyError where a receiver is late or refuses. Names none of them: the answer is public."""
    late = [backlog for backlog in backlogs() if backlog.late]
    if late:
        rows = max(backlog.behind for backlog in late)
        raise NotReadyError(f"{len(late)} receiver(s) of the audit trail are up to {rows} rows behind")


@contextmanager
def _patience() -> Iterator[None]:
    """Waits only a few seconds for a lock: a health check that hangs tells nobody anything."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA busy_timeout")
            usual = cursor.fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout = {1000 * SECONDS_FOR_LOCK}")
            try:
                yield
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {usual}")
            return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{SECONDS_FOR_LOCK}s'")
        yield
