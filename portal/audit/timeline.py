"""The timeline: events over time by outcome, counted by the database within bounds and drawn as an SVG.

One query, grouped by bucket and outcome. Of a filter by nothing but time and outcome it reads the index
`audit_by_time` (time, outcome) alone; of any other one the rows that the explorer would list, the newest
MAX_COUNTED at most and as far as they are found in the time that a search has, so that no filter costs more
however long the trail is. The buckets are those of the person's zone: nested CASEs, as deep as the logarithm
of their number, know where each begins.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone

from portal.audit.filters import TIMES, EventFilter, format_bound
from portal.audit.models import Event
from portal.audit.search import find_problems, select_events
from portal.core.status_badges import get_state

MAX_BARS = 200
MAX_COUNTED = 50_000
# No trail is older, and calendars end: nothing before it is drawn.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
DAYS_SHOWN = 30  # of a filter that says nothing about time
# The longest span that is drawn in each unit.
_UNITS = (("hour", timedelta(days=3)), ("day", timedelta(days=92)), ("week", timedelta(days=730)))
_INDEXED = {*TIMES, "zone", "outcome"}
HEIGHT, STEP, WIDTH = 100, 10, 8
# From the ground up: what went wrong stands on the line, where bars can be compared.
_ORDER = ("red", "amber", "blue", "green", "purple", "grey")
_FORMATS = {
    "hour": "{0.day} {0:%b}, {0:%H:%M}", "day": "{0:%a} {0.day} {0:%b}", "week": "Week of {0.day} {0:%b %Y}",
    "month": "{0:%b %Y}",
}  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One hour, day, week or month: from `since` (inclusive) to `until` (exclusive), outcome → events."""

    since: datetime
    until: datetime
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """The number of events in this bar."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Timeline:
    """The bars, oldest first; `outcomes` are those that occur; `cut`: only the newest were counted."""

    unit: str
    bars: list[Bar]
    outcomes: list[str]
    cut: bool
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of events in all bars."""
        return sum(bar.total for bar in self.bars)


@dataclass(frozen=True)
class Segment:
    """A rectangle in the units of the drawing."""

    x: int
    y: float
    height: float
    colour: str


@dataclass(frozen=True)
class Column:
    """One bar of the chart and one row of its table."""

    label: str
    url: str
    events_url: str
    total: int
    cells: list[tuple[str, int]]
    x: int
    segments: list[Segment]


@dataclass(frozen=True)
class Chart:
    """What the template draws. `heads` name the cells of the table: outcomes with their colour."""

    width: int
    highest: int
    columns: list[Column]
    heads: list[tuple[str, str]]
    axis: list[str]


def build_timeline(wanted: EventFilter, zone: tzinfo) -> Timeline:
    """Return the bars of a filter, by default of the last DAYS_SHOWN days, with two or three queries."""
    # The bars show neither the future nor a long time before the first event.
    now = timezone.now()
    until = max(min(wanted.until or now, now), EARLIEST)
    since = max(wanted.since or _floor(until - timedelta(days=DAYS_SHOWN - 1), "day", zone), EARLIEST)
    if until - since > dict(_UNITS)["day"]:
        first = Event.objects.order_by("time").values_list("time", flat=True).first() or until
        since = max(since, first)
    since = min(since, until)
    unit = next((name for name, longest in _UNITS if until - since <= longest), "month")
    edges = _get_edges(since, until, unit, zone)
    events, cut, problems = _select_counted(replace(wanted, since=max(since, edges[0]), until=edges[-1]))
    counts: list[dict[str, int]] = [{} for _ in edges[1:]]
    for bucket, outcome, number in _count_by_outcome(events, edges):
        counts[bucket][outcome] = number
    bars = [Bar(*row) for row in zip(edges, edges[1:], counts, strict=False)]
    return Timeline(unit, bars, sorted({name for bar in bars for name in bar.counts}), cut, problems)


def build_chart(timeline: Timeline, wanted: EventFilter, zone: tzinfo) -> Chart:
    """Return the chart of a timeline; its links contain the filter."""
    highest = max((bar.total for bar in timeline.bars), default=0)
    outcomes = sorted(timeline.outcomes, key=lambda name: _ORDER.index(get_state(name).colour))
    titles = {name: get_state(name).label if name else "No outcome" for name in outcomes}
    columns = []
    for number, bar in enumerate(timeline.bars):
        # A rectangle for each colour of outcome, high enough to be visible.
        segments, top = [], float(HEIGHT)
        for colour in _ORDER:
            count = sum(count for name, count in bar.counts.items() if get_state(name).colour == colour)
            if count:
                height = round(max(count / highest * (HEIGHT - 4), 1), 2)
                top = round(top - height, 2)
                segments.append(Segment(number * STEP, top, height, colour))
        kept = {name: value for name, value in wanted.values.items() if name not in (*TIMES, "zone")}
        query = urlencode({**kept, "from": format_bound(bar.since), "to": format_bound(bar.until)})
        page = "audit:list" if timeline.unit == "hour" else "audit:timeline"
        columns.append(
            Column(
                label=_FORMATS[timeline.unit].format(bar.since.astimezone(zone)),
                url=f"{reverse(page)}?{query}",
                events_url=f"{reverse('audit:list')}?{query}",
                total=bar.total,
                cells=[(titles[name], bar.counts.get(name, 0)) for name in outcomes],
                x=number * STEP,
                segments=segments,
            )
        )
    marked = columns if len(columns) < 3 else [columns[0], columns[len(columns) // 2], columns[-1]]
    heads = [(titles[name], get_state(name).colour) for name in outcomes]
    return Chart(len(columns) * STEP, highest, columns, heads, [column.label for column in marked])


def get_totals_by_day(*, since: datetime, until: datetime) -> dict[date, int]:
    """Return the number of events by day in UTC, without days that had none."""
    edges = _get_edges(since, until, "day", UTC)
    events, _cut, _problems = _select_counted(EventFilter({}, since, until))
    totals: Counter[date] = Counter()
    for bucket, _outcome, number in _count_by_outcome(events, edges):
        totals[edges[bucket].date()] += number
    return totals


def _get_edges(since: datetime, until: datetime, unit: str, zone: tzinfo) -> list[datetime]:
    """Return the beginnings of the newest MAX_BARS buckets and the end of the last one."""
    edges = [_floor(since, unit, zone)]
    while edges[-1] < until or len(edges) < 2:
        if unit == "hour":
            edges.append(edges[-1] + timedelta(hours=1))
            continue
        # Some days have 23 or 25 hours: count days of the calendar and go on from noon.
        ahead = edges[-1].astimezone(zone) + timedelta(days={"day": 1, "week": 7, "month": 31}[unit])
        edges.append(_floor(datetime.combine(ahead.date(), time(12), zone), unit, zone))
    return edges[-MAX_BARS - 1 :]


def _floor(when: datetime, unit: str, zone: tzinfo) -> datetime:
    local = when.astimezone(zone)
    if unit == "hour":
        return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    day = local.date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    if unit == "month":
        day = day.replace(day=1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _select_counted(wanted: EventFilter) -> tuple[QuerySet[Event], bool, Mapping[str, str]]:
    """Return the events to count, whether older ones were left out, and the problems of the filter."""
    if wanted.values.keys() <= _INDEXED and not find_problems(wanted):
        outcome = {"outcome": wanted.values["outcome"]} if "outcome" in wanted.values else {}
        return Event.objects.filter(time__gte=wanted.since, time__lt=wanted.until, **outcome), False, {}
    selection = select_events(wanted)
    numbers = selection.numbers(MAX_COUNTED + 1)
    if len(numbers.found) > MAX_COUNTED:
        return selection.events(above=numbers.found[-1]), True, {}
    if numbers.reached is not None:
        return selection.events(above=numbers.reached - 1), True, {}
    return selection.events(), False, selection.problems


def _count_by_outcome(events: QuerySet[Event], edges: list[datetime]) -> Iterator[tuple[int, str, int]]:
    buckets = events.order_by().annotate(bucket=_bucket(edges, 0, len(edges) - 2)).values("bucket", "outcome")
    return iter(buckets.annotate(number=Count("*")).values_list("bucket", "outcome", "number"))


def _bucket(edges: list[datetime], first: int, last: int) -> Any:
    """Return the index of the bucket that includes a time."""
    if first == last:
        return Value(first)
    middle = (first + last + 1) // 2
    return Case(
        When(time__lt=edges[middle], then=_bucket(edges, first, middle - 1)),
        default=_bucket(edges, middle, last),
    )
