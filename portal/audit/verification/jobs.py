"""Verification as background work: the range, the progress, the result and its event."""

import logging
import time
from dataclasses import asdict, dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from portal.audit.filters import is_number, parse_filters
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable, ObjectRef, Origin, get_system_origin, record_event
from portal.audit.verification.chain import verify_trail
from portal.audit.verification.report import VerificationReport, describe_verdict, describe_warnings
from portal.tasks.models import State, TaskRun
from portal.tasks.registry import TASK_TYPES, Link, Result, TaskType
from portal.tasks.services import Owner, TaskFailed, enqueue_task, get_runs_of_kind, report_progress

logger = logging.getLogger(__name__)
KIND = "audit.verify"


@dataclass(frozen=True)
class Extent:
    """The rows to verify: all, those since the last anchor, or a range of numbers, both ends included."""

    since_anchor: bool = False
    first: int | None = None
    last: int | None = None

    @property
    def words(self) -> str:
        """Return the title of the task."""
        if self.since_anchor:
            return "Verify the audit trail since the last anchor"
        if self.first is None and self.last is None:
            return "Verify the whole audit trail"
        return f"Verify the audit trail, row {self.first or 1} to {self.last or 'the end'}"


class NoSuchRows(Exception):  # noqa: N818 - reads as what happened
    """The rows that were asked for do not exist, or the words for them are not understood."""


def register_tasks() -> None:
    """Register verification as background work."""
    TASK_TYPES.register(
        KIND,
        TaskType(
            _verify,
            permission="audit.verify",
            link=lambda run: Link("View result", reverse("audit:verify"), "shield-check"),
            step_up=True,
        ),
    )


def parse_extent(first: str, last: str, zone: tzinfo) -> Extent:
    """Parse a range of row numbers or days in `zone`; "" is open. Raises NoSuchRows."""
    extent = Extent(first=_find_row(first.strip(), "from", zone), last=_find_row(last.strip(), "to", zone))
    if extent.first and extent.last and extent.first > extent.last:
        raise NoSuchRows("There are no rows in this range.")
    # The end is that of the head if it is later: a cut-off end can still be verified.
    found = Event.objects.values_list("sequence", flat=True).first() or 0
    end = max(found, ChainHead.objects.values_list("sequence", flat=True).first() or 0)
    if extent.first and extent.first > end:
        raise NoSuchRows(f"The trail ends at row {end}.")
    return extent


def start_verification(*, extent: Extent, owner: Owner, origin: Origin) -> TaskRun:
    """Start a verification, unless the same owner already has the same one under way."""
    arguments = {"extent": asdict(extent), "origin": asdict(origin)}
    key = f"{KIND}:{owner.id}:{extent}"
    return enqueue_task(kind=KIND, title=extent.words, owner=owner, arguments=arguments, key=key)


def start_daily_verification() -> TaskRun:
    """Verify the whole trail in the name of the portal itself; workers start it once a day."""
    owner, origin = Owner(None, "Provisioning Portal"), get_system_origin("daily verification")
    return start_verification(extent=Extent(), owner=owner, origin=origin)


def get_verifications(limit: int = 50) -> list[TaskRun]:
    """Return the newest verifications of all owners."""
    return get_runs_of_kind(KIND, limit=limit)


def select_results(runs: list[TaskRun], broken: Event | None) -> list[TaskRun]:
    """Select the run that recorded the current finding `broken`, and the newest finished run.

    What was found broken and is no longer stands aside, unless it could not be recorded.
    """
    done = [run for run in runs if run.state == State.DONE]
    standing = [run for run in done if broken and str(run.pk) == broken.object_guid]
    newest = [run for run in done[:1] if run.result["whole"] or not run.result.get("recorded", True)]
    return standing + [run for run in newest if run not in standing]


def record_verification(report: VerificationReport, origin: Origin, about: ObjectRef | None = None) -> bool:
    """Record the result of a verification and return whether that was possible.

    If the trail is too broken for another event, only the log has the result.
    """
    said = (describe_verdict(report), *(str(problem) for problem in report.problems[:1]))
    message = " — ".join(part for part in (" ".join(said), describe_warnings(report)) if part)
    found: dict[str, Any] = {"action": "audit.verified"}
    if not report.whole:
        found = {"action": "audit.found_broken", "outcome": "failed"}
    if about and Event.objects.filter(connection="", object_guid=about.guid, action=found["action"]).exists():
        return True  # a killed worker may have got as far as this before
    try:
        record_event(origin=origin, object=about, message=message, **found)
    except AuditUnavailable:
        logger.critical("the audit trail is broken, and this could not be recorded")
        if report.whole:
            raise
        return False
    return True


def get_verification_events(limit: int = 5) -> list[Event]:
    """Return the newest events of verifications."""
    found = [
        event
        for action in ("audit.verified", "audit.found_broken")
        for event in Event.objects.filter(action=action)[:limit]
    ]
    return sorted(found, key=lambda event: -event.sequence)[:limit]


def _find_row(text: str, bound: str, zone: tzinfo) -> int | None:
    """Return the row of a bound, "from" or "to", given as a number or a day; None if it is open."""
    if not text:
        return None
    if is_number(text) and int(text) > 0:
        return int(text)
    wanted = parse_filters(QueryDict(urlencode({bound: text})), zone)
    moment = wanted.since if bound == "from" else wanted.until
    if moment is None:
        raise NoSuchRows(f"“{text}” is not a row number or a day such as 2026-11-01.")
    if bound == "from":
        events = Event.objects.filter(time__gte=moment).order_by("sequence")
    else:
        events = Event.objects.filter(time__lt=moment).order_by("-sequence")
    number = events.values_list("sequence", flat=True).first()
    if number is None:
        raise NoSuchRows(f"Nothing was recorded {'since' if bound == 'from' else 'until'} {text}.")
    return number


def _verify(run: TaskRun, extent: dict[str, Any], origin: dict[str, Any]) -> Result:
    started = time.monotonic()

    def progress(done: int, total: int) -> None:
        report_progress(run=run, done=done, total=total)

    report = verify_trail(**extent, progress=progress)
    about = ObjectRef("verification", str(run.pk), f"{run.created_at:%Y-%m-%d %H:%M} UTC")
    try:
        recorded = record_verification(report, Origin(**origin), about)
    except AuditUnavailable as error:
        raise TaskFailed("The audit trail was read, but the result could not be recorded.") from error
    found = {
        "whole": report.whole,
        "recorded": recorded,
        "verdict": describe_verdict(report),
        "guards": describe_warnings(report),
        "problems": [str(problem) for problem in report.problems],
        "seconds": round(time.monotonic() - started, 1),
    }
    return Result(found, message=describe_verdict(report))
