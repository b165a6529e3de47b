"""Draws the timeline: bars as rectangles in an SVG, each a link that narrows the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from urllib.parse import urlencode

from django.urls import reverse

from portal.audit.filters import TIMES, EventFilter
from portal.audit.timeline import Bar, Timeline
from portal.core.status_badges import get_state

HEIGHT, STEP, WIDTH = 100, 10, 8
# From the ground up: what went wrong stands on the line, where bars can be compared.
_ORDER = ("red", "amber", "blue", "green", "purple", "grey")
_FORMATS = {"hour": "{0.day} {0:%b}, {0:%H:%M}", "day": "{0:%a} {0.day} {0:%b}", "month": "{0:%b %Y}"}


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


def build_chart(timeline: Timeline, wanted: EventFilter, zone: tzinfo) -> Chart:
    """Return the chart of a timeline; its links contain the filter."""
    highest = max((bar.total for bar in timeline.bars), default=0)
    outcomes = sorted(timeline.outcomes, key=lambda name: _ORDER.index(get_state(name).colour))
    columns = [
        Column(
            label=_label(bar.since, timeline.unit, zone),
            url=_narrowed("audit:list" if timeline.unit == "hour" else "audit:timeline", bar, wanted),
            events_url=_narrowed("audit:list", bar, wanted),
            total=bar.total,
            cells=[(_outcome(name), bar.counts.get(name, 0)) for name in outcomes],
            x=number * STEP,
            segments=list(_segments(bar, number * STEP, highest)),
        )
        for number, bar in enumerate(timeline.bars)
    ]
    marked = columns if len(columns) < 3 else [columns[0], columns[len(columns) // 2], columns[-1]]
    heads = [(_outcome(name), get_state(name).colour) for name in outcomes]
    return Chart(len(columns) * STEP, highest, columns, heads, [column.label for column in marked])


def _segments(bar: Bar, x: int, highest: int) -> Iterator[Segment]:
    """Return a rectangle for each colour of outcome, high enough to be visible."""
    top = float(HEIGHT)
    for colour in _ORDER:
        number = sum(count for name, count in bar.counts.items() if get_state(name).colour == colour)
        if number:
            height = round(max(number / highest * (HEIGHT - 4), 1), 2)
            top = round(top - height, 2)
            yield Segment(x, top, height, colour)


def _narrowed(page: str, bar: Bar, wanted: EventFilter) -> str:
    kept = {name: value for name, value in wanted.values.items() if name not in (*TIMES, "zone")}
    return f"{reverse(page)}?{urlencode({**kept, 'from': _stamp(bar.since), 'to': _stamp(bar.until)})}"


def _stamp(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _label(since: datetime, unit: str, zone: tzinfo) -> str:
    local = since.astimezone(zone)
    if unit == "week":
        return f"Week of {local.day} {local:%b %Y}"
    return _FORMATS[unit].format(local)


def _outcome(name: str) -> str:
    return get_state(name).label if name else "No outcome"
