"""What the ready-check asks of the trail: red where it cannot be written, warnings about the rest."""

import threading
import time
from datetime import timedelta

from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils import timezone

from portal.audit.anchors import find_anchor_problem
from portal.audit.forwarding.delivery import get_backlogs
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable, LastFailure, check_recording
from portal.audit.triggers import EVENT, find_missing_triggers
from portal.audit.verification.report import find_broken_event
from portal.core.database import lock_timeout
from portal.core.health import CHECKS, WARNINGS, HealthCheckError

# Less than the ready-check may take in all (portal.core.health.SECONDS).
SECONDS_FOR_LOCK = 0.7
# Clocks of several machines are never quite the same.
CLOCKS_APART, NO_TIME = timedelta(minutes=1), timedelta()
# A trail that could be written counts as such for this long: asking takes the lock that writers wait for.
KEPT_SECONDS = 3.0


def register_checks() -> None:
    """Register the checks of /healthz/ready."""
    CHECKS.register("audit trail", check_trail_writable)
    WARNINGS.register("audit proof", check_found_whole)
    WARNINGS.register("audit guards", check_triggers)
    WARNINGS.register("audit anchors", check_anchors)
    WARNINGS.register("audit clock", check_clock)
    WARNINGS.register("audit owner", check_owner_separate)
    WARNINGS.register("audit stream", check_forwarding)


class WritabilityCheck:
    """The verdict on the trail in this process: "" for writable. One thread at a time asks, for all who wait.

    That it is writable is believed for KEPT_SECONDS, unless someone fails to record something meanwhile;
    that it is not, only as long as someone is asking again.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._trouble, self._answered = "", float("-inf")

    def find_trouble(self) -> str:
        """Return the problem in words, "" for none; ask again if the last answer is too old."""
        came = time.monotonic()
        recent = came - self._answered < KEPT_SECONDS
        if recent and not self._trouble and LastFailure.at < self._answered:
            return ""
        # Anyone who finds the last answer recent does not wait: a flood would take all threads.
        is_my_turn = self._asking.acquire(blocking=not (recent and self._trouble))
        if not is_my_turn:
            return self._trouble
        try:
            if self._answered < came:
                self._trouble = _find_trouble()
                self._answered = time.monotonic()
            return self._trouble
        finally:
            self._asking.release()


probe = WritabilityCheck()


def check_trail_writable() -> None:
    """Raise HealthCheckError if no event can be recorded; then no change is sent either."""
    trouble = probe.find_trouble()
    if trouble:
        raise HealthCheckError(trouble)


def _find_trouble() -> str:
    """Write an event and roll it back; return the problem found."""
    try:
        with lock_timeout(SECONDS_FOR_LOCK):
            check_recording()
            # What is rolled back need not reach the disk, so commit something that leaves no row.
            # SQLite: see the check `disk`.
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_logical_emit_message(true, 'portal.ready', '')")
            return ""
    except DatabaseFailure as failure:
        reason: BaseException = failure
    except AuditUnavailable as refusal:
        reason = refusal.__cause__ or refusal
    if isinstance(reason, AuditUnavailable):
        return "the end of the audit trail was tampered with: nothing is sent"
    if isinstance(reason, ChainHead.DoesNotExist):
        return "the head of the audit trail is missing: nothing can be recorded, nothing is sent"
    return f"the audit trail cannot be written ({type(reason).__name__}): nothing is sent"


def check_found_whole() -> None:
    """Raise HealthCheckError if a verification found the trail broken and none found it whole since."""
    if broken := find_broken_event():
        raise HealthCheckError(f"the audit trail was found broken, see row {broken.sequence}")


def check_triggers() -> None:
    """Raise HealthCheckError with the names of missing triggers."""
    missing = find_missing_triggers(connection)
    if missing:
        raise HealthCheckError(
            f"the triggers that protect the audit trail are missing or altered: {', '.join(missing)}"
        )


def check_anchors() -> None:
    """Raise HealthCheckError if the last anchor is missing or old, or if none can be written."""
    trouble = find_anchor_problem()
    if trouble:
        raise HealthCheckError(trouble)


def check_clock() -> None:
    """Raise HealthCheckError if the newest event is in the future: later events would have its time, too."""
    newest = Event.objects.values_list("time", flat=True).order_by("-sequence").first()
    ahead = newest - timezone.now() if newest else NO_TIME
    if ahead > CLOCKS_APART:
        raise HealthCheckError(
            f"the newest event is {ahead // timedelta(minutes=1):,} minutes in the future: a clock is or was "
            "wrong, and new events carry that time until it has passed"
        )


def check_owner_separate() -> None:
    """Raise HealthCheckError if the portal's database role may alter the audit table and its triggers."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_has_role(current_user, relowner, 'USAGE'), has_table_privilege(oid, 'DELETE'),
            has_table_privilege(oid, 'UPDATE') FROM pg_class WHERE oid = to_regclass(%s)""",
            [EVENT],
        )
        if any(cursor.fetchone() or ()):
            raise HealthCheckError(
                "the portal's database role owns the audit table and could remove its protection: "
                "run manage.py database_roles"
            )


def check_forwarding() -> None:
    """Raise HealthCheckError if a receiver is late or refuses. Its name is left out, because logs keep it."""
    late = [backlog for backlog in get_backlogs() if backlog.late]
    if late:
        rows = max(backlog.behind for backlog in late)
        raise HealthCheckError(f"{len(late)} receiver(s) of the audit trail are up to {rows} rows behind")
