"""Events that fulfil conditions, never read further than bounded: what the explorer and its exports stand on.

One condition is walked along its own index, each of a few alternatives for itself. Of several conditions the
rarest leads, if it is rare. Several common ones share no index: then rows are looked through window by window
until the time is up, and the answer says how far that was (Numbers.reached).
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.audit.models import Event, Term

COUNTED = 1000
# Up to so many events are fetched by their numbers, whatever else they must be.
RARE = 1000
# Seconds after which looking for a page, or counting, is left off.
SEARCH_SECONDS, COUNT_SECONDS = 0.2, 0.05
# Rows of the first window; as long as one takes less than QUICK seconds, the next is twice as large.
WINDOW, QUICK = 4000, 0.02
# Rows of a span that may lie outside of it: see portal.audit.queries.
MOST_STRAY = 400


@dataclass(frozen=True)
class Rows:
    """Numbers of rows, both bounds exclusive; None is open."""

    above: int | None = None
    below: int | None = None

    def within(self, above: int | None, below: int | None) -> "Rows":
        """Drawn in to further bounds."""
        lower = [bound for bound in (self.above, above) if bound is not None]
        upper = [bound for bound in (self.below, below) if bound is not None]
        return Rows(max(lower, default=None), min(upper, default=None))

    def bounds(self, column: str) -> dict[str, int]:
        """The bounds as a filter on `column`."""
        asked = {f"{column}__gt": self.above, f"{column}__lt": self.below}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class Condition:
    """What an event must be: `columns`, or else have one of `terms`.

    `ordered`: an index has it by number, or each of its `alternatives`, which are `columns` or `terms` one by
    one. `indexed`: one has it at all, so that few events are found quickly.
    """

    columns: Q = field(default_factory=Q)
    terms: tuple[str, ...] = ()
    ordered: bool = True
    indexed: bool = True
    alternatives: tuple["Condition", ...] = ()

    def numbers(self, rows: Rows) -> QuerySet[Any, int]:
        """Numbers of the events that fulfil it, from an index alone; with several terms some come twice."""
        if self.terms:
            found = Term.objects.filter(self._of_terms(), **rows.bounds("event_id"))
            return found.order_by().values_list("event_id", flat=True)
        events = Event.objects.filter(self.columns, **rows.bounds("sequence"))
        return events.order_by().values_list("sequence", flat=True)

    def within(self, rows: Rows) -> Q:
        """As a condition on events of these rows: the bounds are for its index, too."""
        return Q(sequence__in=self.numbers(rows).values("event_id")) if self.terms else self.columns

    def each(self) -> Q | Exists:
        """As a condition on a few events, looked up one by one."""
        if self.terms:
            return Exists(Term.objects.filter(self._of_terms(), event_id=OuterRef("sequence")))
        return self.columns

    def _of_terms(self) -> Q:
        # Not IN for a single one: SQLite would not see that the index is in order.
        return Q(term=self.terms[0]) if len(self.terms) == 1 else Q(term__in=self.terms)


@dataclass(frozen=True)
class Numbers:
    """Numbers of events; `reached` is the row before which looking was left off, None if nothing was."""

    found: list[int]
    reached: int | None = None


@dataclass(frozen=True)
class Selection:
    """A filter, looked up: conditions that all must hold, and the rows of its time, where `span` must too.

    `problems` say, by the name of a filter, why nothing is found although something may be there.
    """

    conditions: tuple[Condition, ...] = ()
    span: Q = field(default_factory=Q)
    rows: Rows = Rows()
    problems: Mapping[str, str] = field(default_factory=dict)

    def events(
        self, *, above: int | None = None, below: int | None = None, oldest_first: bool = False
    ) -> QuerySet[Event]:
        """All events that match, with row numbers between the exclusive bounds: for counting and grouping."""
        rows = self.rows.within(above, below)
        events = Event.objects.filter(self.span, **rows.bounds("sequence"))
        if self._rare is not None:
            events = events.filter(sequence__in=self._rare)
        for condition in self.conditions:
            events = events.filter(condition.within(rows) if self._rare is None else condition.each())
        return events.order_by("sequence" if oldest_first else "-sequence")

    def numbers(
        self,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        oldest_first: bool = False,
        seconds: float | None = None,
    ) -> Numbers:
        """Numbers of the first `limit` events that match, newest first unless asked; for SEARCH_SECONDS."""
        rows = self.rows.within(above, below)
        if self._ordered:
            return Numbers(self._along_index(limit, rows, oldest_first))
        if self._rare is not None:
            events = self.events(above=above, below=below, oldest_first=oldest_first)
            return Numbers(list(events.values_list("sequence", flat=True)[:limit]))
        return self._looked_through(limit, rows, oldest_first, SEARCH_SECONDS if seconds is None else seconds)

    def counted(self) -> tuple[int, bool]:
        """How many match, and whether all were looked at; more than COUNTED stands for any number beyond."""
        if self._ordered and not self.span:
            return self._counted_along_index(), True
        numbers = self.numbers(COUNTED + 1, seconds=COUNT_SECONDS)
        return len(numbers.found), numbers.reached is None

    @cached_property
    def _ordered(self) -> bool:
        return not self.conditions or (len(self.conditions) == 1 and self.conditions[0].ordered)

    @cached_property
    def _rare(self) -> list[int] | None:
        """All events of a condition that few fulfil, if another one has to hold, too."""
        if not self._ordered:
            for condition in filter(attrgetter("indexed"), self.conditions):
                numbers = list(condition.numbers(self.rows)[: RARE + 1])
                if len(numbers) <= RARE:
                    return numbers
        return None

    def _lines(self, rows: Rows, *, oldest_first: bool = False) -> list[QuerySet[Any, int]]:
        """The numbers of the only condition, or of each of its alternatives, in the order of their index."""
        (condition,) = self.conditions or (Condition(),)
        column = "event_id" if condition.terms else "sequence"
        order = column if oldest_first else f"-{column}"
        return [each.numbers(rows).order_by(order) for each in condition.alternatives or (condition,)]

    def _counted_along_index(self) -> int:
        lines, found = self._lines(self.rows), set[int]()
        if len(lines) == 1:
            return lines[0][: COUNTED + 1].count()
        for line in lines:
            found.update(line[: COUNTED + 1])
            if len(found) > COUNTED:
                break
        return len(found)

    def _along_index(self, limit: int, rows: Rows, oldest_first: bool) -> list[int]:
        most = limit + MOST_STRAY if self.span else limit
        lines = [list(line[:most]) for line in self._lines(rows, oldest_first=oldest_first)]
        numbers = (
            lines[0] if len(lines) == 1 else sorted(set().union(*lines), reverse=not oldest_first)[:most]
        )
        if not self.span:
            return numbers
        events = Event.objects.filter(self.span, sequence__in=numbers)
        ordered = events.order_by("sequence" if oldest_first else "-sequence")
        return list(ordered.values_list("sequence", flat=True)[:limit])

    def _looked_through(self, limit: int, rows: Rows, oldest_first: bool, seconds: float) -> Numbers:
        until, found = time.monotonic() + seconds, list[int]()
        for turn, window in enumerate(_windows(rows, oldest_first)):
            if turn and time.monotonic() > until:
                return Numbers(found, window.above if oldest_first else window.below)
            events = self.events(above=window.above, below=window.below, oldest_first=oldest_first)
            found += events.values_list("sequence", flat=True)[: limit - len(found)]
            if len(found) >= limit:
                break
        return Numbers(found)


def events_numbered(numbers: list[int]) -> QuerySet[Event]:
    """The events with these numbers, oldest first; `numbers` are in order."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
        return Event.objects.filter(sequence__range=(numbers[0], numbers[-1])).order_by("sequence")
    return Event.objects.filter(sequence__in=numbers).order_by("sequence")


def _windows(rows: Rows, oldest_first: bool) -> Iterator[Rows]:
    """The rows in pieces that follow each other, as large as can be read quickly."""
    newest = Event.objects.values_list("sequence", flat=True).order_by("-sequence").first() or 0
    low, high = rows.above or 0, min(newest + 1, rows.below or newest + 1)
    size = WINDOW
    while high - low > 1:
        started = time.monotonic()
        if oldest_first:
            edge = min(low + size, high - 1)
            yield Rows(low, edge + 1)
            low = edge
        else:
            edge = max(high - 1 - size, low)
            yield Rows(edge, high)
            high = edge + 1
        if time.monotonic() - started < QUICK:
            size *= 2
