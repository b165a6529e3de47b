"""The history of one object, and within it of one field: every value it ever had, by whom, when and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import QueryDict

from portal.audit.actions import ATTEMPTS
from portal.audit.diffs import FieldChange, field_changes
from portal.audit.models import Event

PER_PAGE = 50
# So many of an object's newest changes are read for the names of its fields, and so many values are shown.
MOST_READ = 500


@dataclass(frozen=True)
class FieldTrace:
    """A field that changed: how often, and the latest event that did it."""

    name: str
    times: int
    latest: Event


@dataclass(frozen=True)
class FieldValue:
    """One step of a field: what it became, by which event."""

    change: FieldChange
    event: Event


@dataclass(frozen=True)
class History:
    """Up to PER_PAGE events of an object, newest first, `older` the row below which the next ones lie.

    `first` is the oldest event there is. With a `field` only its steps are there, in `values`.
    """

    guid: str
    events: Sequence[Event] = ()
    older: int | None = None
    first: Event | None = None
    fields: Sequence[FieldTrace] = ()
    field: str = ""
    values: Sequence[FieldValue] = ()


def history_page(*, connection: str, guid: str, query: QueryDict, kind: str = "") -> History:
    """What `field` and `before` in the address ask for; `connection` "" is for what belongs to none."""
    events = Event.objects.filter(connection=connection, object_guid=guid)
    events = events.filter(object_kind=kind) if kind else events
    asked = query.get("field", "").replace("\0", "")[:150]
    if asked:
        return History(guid, field=asked, values=_values(events, asked))
    below = query.get("before", "")
    rows = events.filter(sequence__lt=int(below)) if _is_row(below) else events
    found = list(rows[: PER_PAGE + 1])
    return History(
        guid,
        events=found[:PER_PAGE],
        older=found[PER_PAGE - 1].sequence if len(found) > PER_PAGE else None,
        first=events.order_by("sequence").first(),
        fields=_traces(events),
    )


def _traces(events: QuerySet[Event]) -> list[FieldTrace]:
    """The fields that the object's newest changes touched, by name."""
    found: dict[str, FieldTrace] = {}
    for event in _carried_out(events.exclude(after=""))[:MOST_READ]:
        for change in field_changes(event):
            known = found.get(change.name, FieldTrace(change.name, 0, event))
            found[change.name] = FieldTrace(change.name, known.times + 1, known.latest)
    return [found[name] for name in sorted(found)]


def _values(events: QuerySet[Event], name: str) -> list[FieldValue]:
    """Newest first; found through the index of terms, so a field that changed long ago is as quick."""
    return list(_steps(_carried_out(events.filter(terms__term=f"f:{name}"))[:MOST_READ], name))


def _steps(events: QuerySet[Event], name: str) -> Iterator[FieldValue]:
    for event in events:
        yield from (FieldValue(change, event) for change in field_changes(event) if change.name == name)


def _carried_out(events: QuerySet[Event]) -> QuerySet[Event]:
    """Without what was only planned, asked for or refused: such a value never was there."""
    return events.exclude(action__in=ATTEMPTS).exclude(action="change.reconciled", outcome="not_sent")


def _is_row(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
