"""The history of one object, and within it of one field: every value it ever had, by whom, when and why."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict

from portal.audit.diffs import FieldChange, get_field_changes
from portal.audit.event_types import ATTEMPTS, NOT_IN_EFFECT
from portal.audit.filters import is_number
from portal.audit.models import Event
from portal.audit.retention.purging import get_purged_ranges
from portal.audit.search_index import MAX_NAME

PER_PAGE = 50
# This many changes of an object are read at once for the names of its fields.
MAX_READ = 500


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
class HistoryRow:
    """One row of a history: an event, or all events of a change folded into its latest one.

    `changes` are the fields that it touched, `reason` the person's where the event itself has none.
    """

    event: Event
    changes: Sequence[FieldChange] = ()
    reason: str = ""


@dataclass(frozen=True)
class History:
    """Up to PER_PAGE events of an object, newest first; the next page lies below the row `older`.

    `first` is the oldest event. Events up to the row `purged` may have been removed after their time.
    `fields` are those of MAX_READ changes; the next ones lie below the row `changes_older`. If `field` is
    given, `events` holds only events that changed it, and `values` its values over time. `elsewhere` is true
    for objects that can also be changed outside the portal, without an event. `rows` are the events, one for
    each change. `children` says whether events of entities below it are included, None if it has none.
    """

    guid: str
    kind: str = ""
    connection: str = ""
    events: Sequence[Event] = ()
    older: int | None = None
    first: Event | None = None
    purged: int | None = None
    fields: Sequence[FieldTrace] = ()
    changes: Sequence[Event] = ()
    changes_older: int | None = None
    field: str = ""
    values: Sequence[FieldValue] = ()
    elsewhere: bool = False
    rows: Sequence[HistoryRow] = ()
    children: bool | None = None


def get_history(
    *,
    connection: str,
    guid: str,
    query: QueryDict,
    kind: str = "",
    elsewhere: bool = False,
    child_kinds: Collection[str] | None = None,
) -> History:
    """Return the history that `field`, `before`, `changes_before` and `own` in the address ask for.

    `connection` "" is for what belongs to none, `elsewhere` says that it is changed outside of the portal as
    well. With `child_kinds` objects of these kinds that belong to it are included, unless `own` is asked for.
    """
    events = Event.objects.filter(connection=connection, object_guid=guid)
    events = events.filter(object_kind=kind) if kind else events
    children = None if child_kinds is None else query.get("own", "") != "1"
    name = query.get("field", "").replace("\0", "")[:MAX_NAME]
    # Found through the index of terms, so a field that changed long ago is as quick.
    asked = _select_carried_out(events.filter(terms__term=f"f:{name}")) if name else events
    if children and not name:
        about = Event.objects.filter(connection=connection, terms__term=f"o:{guid}"[:160])
        asked = about.filter(Q(object_guid=guid) | Q(object_kind__in=list(child_kinds or ())))
    found, older = _get_newest(asked, query.get("before", ""), PER_PAGE)
    changes: list[Event] = []
    changes_older, traces = None, dict[str, FieldTrace]()
    if not name:
        carried_out = _select_carried_out(events.exclude(after=""))
        changes, changes_older = _get_newest(carried_out, query.get("changes_before", ""), MAX_READ)
    for event in changes:
        for change in get_field_changes(event):
            # The first one is the latest.
            known = traces.get(change.name, FieldTrace(change.name, 0, event))
            traces[change.name] = FieldTrace(change.name, known.times + 1, known.latest)
    # The first event of an object is never purged; later ones up to this row may have been.
    purged = max((last for _, last in get_purged_ranges()), default=0)
    return History(
        guid,
        kind,
        connection,
        events=found,
        older=older,
        first=asked.order_by("sequence").first(),
        purged=purged if events.filter(sequence__lt=purged).exists() else None,
        fields=[traces[field] for field in sorted(traces)],
        changes=changes,
        changes_older=changes_older,
        field=name,
        values=[
            FieldValue(change, event)
            for event in (found if name else ())
            for change in get_field_changes(event)
            if change.name[:MAX_NAME] == name
        ],
        elsewhere=elsewhere,
        rows=() if name else list(_fold_changes(found)),
        children=children,
    )


def _fold_changes(events: Sequence[Event]) -> Iterator[HistoryRow]:
    """Fold the events of each change into its latest one, which may be on a newer page."""
    numbers = {event.change_id for event in events if _is_step(event)}
    steps: dict[str, list[Event]] = {}
    for event in Event.objects.filter(change_id__in=numbers).order_by("sequence")[: 20 * PER_PAGE]:
        if _is_step(event):
            steps.setdefault(event.change_id, []).append(event)
    for event in events:
        change = steps.get(event.change_id, [event]) if _is_step(event) else [event]
        if event != change[-1]:
            continue
        told = next((one for one in reversed(change) if one.before and one.after), event)
        reason = next((one.reason for one in reversed(change) if one.reason), "")
        changes = get_field_changes(told) if told.before else []
        yield HistoryRow(event, changes, "" if event.reason else reason)


def _is_step(event: Event) -> bool:
    """Return whether an event is one of several about the same change."""
    return bool(event.change_id) and event.action.startswith("change.")


def attach_results(events: Iterable[Event]) -> None:
    """Give each event that only begins a change a `result`: the outcome that the change has by now."""
    begun = [event for event in events if event.action in ("change.prepared", "change.intent")]
    later = Event.objects.filter(change_id__in={event.change_id for event in begun} - {""}).exclude(
        outcome=""
    )
    outcomes = dict(later.order_by("sequence").values_list("change_id", "outcome"))
    for event in begun:
        event.result = outcomes.get(event.change_id, "")  # type: ignore[attr-defined]


def _get_newest(events: QuerySet[Event], below: str, size: int) -> tuple[list[Event], int | None]:
    """Return the newest `size` events below a row, and the row below which there are more."""
    rows = events.filter(sequence__lt=int(below)) if is_number(below) else events
    found = list(rows[: size + 1])
    return found[:size], found[size - 1].sequence if len(found) > size else None


def _select_carried_out(events: QuerySet[Event]) -> QuerySet[Event]:
    """Leave out events that were only planned, requested or refused: their values never took effect."""
    return events.exclude(action__in=ATTEMPTS).exclude(action="change.reconciled", outcome__in=NOT_IN_EFFECT)
