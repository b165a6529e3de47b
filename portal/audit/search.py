"""Look up the events that match a filter, for the audit list, the timeline and exports, in bounded time.

`select_events` turns a filter into conditions; a Selection reads the matching events. A single condition is
read along its own index, each of a few alternatives separately. Of several conditions the rarest is read
first, if it is rare. Several common conditions share no index: rows are then searched window by window until
the time is up, and Numbers.reached says how far the search came.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.audit.event_types import EVENT_TYPES, KINDS, OUTCOMES
from portal.audit.filters import EventFilter, is_number
from portal.audit.models import Event, KnownName, Term
from portal.audit.review_rules import REVIEW_RULES, get_rule_condition
from portal.audit.search_index import MAX_NAME, split_words
from portal.core.text import fold
from provisioning.credentials.models import Connection

COUNTED = 1000
# A condition that at most this many events meet is rare: they are fetched by number and then filtered.
RARE = 1000
# Seconds after which the search for a page, or counting, stops.
SEARCH_SECONDS, COUNT_SECONDS = 0.2, 0.05
# Rows of the first window. The next one is twice as large if a window took less than QUICK seconds.
WINDOW, QUICK = 4000, 0.02
# Rows of a span of time that may lie outside of it, because a clock was set back (see SLACK).
MAX_STRAY = 400


@dataclass(frozen=True)
class Rows:
    """Numbers of rows, both bounds exclusive; None is open."""

    above: int | None = None
    below: int | None = None

    def within(self, above: int | None, below: int | None) -> "Rows":
        """Return the rows that are also within these bounds."""
        lower = [bound for bound in (self.above, above) if bound is not None]
        upper = [bound for bound in (self.below, below) if bound is not None]
        return Rows(max(lower, default=None), min(upper, default=None))

    def bounds(self, column: str) -> dict[str, int]:
        """Return the bounds as a filter on `column`."""
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
        """Return the numbers of matching events from an index; with several terms some occur twice."""
        if self.terms:
            found = Term.objects.filter(self._of_terms(), **rows.bounds("event_id"))
            return found.order_by().values_list("event_id", flat=True)
        events = Event.objects.filter(self.columns, **rows.bounds("sequence"))
        return events.order_by().values_list("sequence", flat=True)

    def within(self, rows: Rows) -> Q:
        """Return the condition for events of these rows; the bounds also limit the index."""
        return Q(sequence__in=self.numbers(rows).values("event_id")) if self.terms else self.columns

    def each(self) -> Q | Exists:
        """Return the condition for a few events, each looked up separately."""
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
        """Return all matching events between the exclusive bounds, for counting and grouping."""
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
        """Return the numbers of the first `limit` matching events found within the time."""
        rows = self.rows.within(above, below)
        if self._ordered:
            # Each line of the index is read to the limit; where the time is a condition, too, a bit further.
            most = limit + MAX_STRAY if self.span else limit
            lines = [list(line[:most]) for line in self._lines(rows, oldest_first=oldest_first)]
            numbers = lines[0]
            if len(lines) > 1:
                numbers = sorted(set().union(*lines), reverse=not oldest_first)[:most]
            if not self.span:
                return Numbers(numbers)
            events = Event.objects.filter(self.span, sequence__in=numbers)
            ordered = events.order_by("sequence" if oldest_first else "-sequence")
            return Numbers(list(ordered.values_list("sequence", flat=True)[:limit]))
        if self._rare is not None:
            events = self.events(above=above, below=below, oldest_first=oldest_first)
            return Numbers(list(events.values_list("sequence", flat=True)[:limit]))
        until, found = time.monotonic() + (SEARCH_SECONDS if seconds is None else seconds), list[int]()
        for turn, window in enumerate(_windows(rows, oldest_first)):
            if turn and time.monotonic() > until:
                return Numbers(found, window.above if oldest_first else window.below)
            events = self.events(above=window.above, below=window.below, oldest_first=oldest_first)
            found += events.values_list("sequence", flat=True)[: limit - len(found)]
            if len(found) >= limit:
                break
        return Numbers(found)

    def count(self) -> tuple[int, bool]:
        """Return how many match, at most COUNTED + 1, and whether the search was complete."""
        if not self._ordered or self.span:
            numbers = self.numbers(COUNTED + 1, seconds=COUNT_SECONDS)
            return len(numbers.found), numbers.reached is None
        lines, found = self._lines(self.rows), set[int]()
        if len(lines) == 1:
            return lines[0][: COUNTED + 1].count(), True
        for line in lines:
            found.update(line[: COUNTED + 1])
            if len(found) > COUNTED:
                break
        return len(found), True

    @cached_property
    def _ordered(self) -> bool:
        return not self.conditions or (len(self.conditions) == 1 and self.conditions[0].ordered)

    @cached_property
    def _rare(self) -> list[int] | None:
        """Return the numbers of a condition that few events meet, if there are other conditions."""
        if not self._ordered:
            for condition in filter(attrgetter("indexed"), self.conditions):
                numbers = list(condition.numbers(self.rows)[: RARE + 1])
                if len(numbers) <= RARE:
                    return numbers
        return None

    def _lines(self, rows: Rows, *, oldest_first: bool = False) -> list[QuerySet[Any, int]]:
        """Return the numbers of the only condition or of each alternative, in the order of the index."""
        (condition,) = self.conditions or (Condition(),)
        column = "event_id" if condition.terms else "sequence"
        order = column if oldest_first else f"-{column}"
        return [each.numbers(rows).order_by(order) for each in condition.alternatives or (condition,)]


def get_events(numbers: list[int]) -> QuerySet[Event]:
    """Return the events with these sorted numbers, oldest first."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
        return Event.objects.filter(sequence__range=(numbers[0], numbers[-1])).order_by("sequence")
    return Event.objects.filter(sequence__in=numbers).order_by("sequence")


def _windows(rows: Rows, oldest_first: bool) -> Iterator[Rows]:
    """Yield adjacent windows of rows, each as large as can be read quickly."""
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


_COLUMNS = {
    "role": "actor_role", "kind": "object_kind", "connection": "connection", "outcome": "outcome",
    "address": "address", "group": "group_id",
}  # fmt: skip
# Up to FEW_LINES names are read along the index one by one, up to FEW_NAMES together. Up to MAX_NAMES,
# events are compared with the names row by row. If more match, nothing is shown, and the user is asked for
# more of the name.
FEW_LINES, FEW_NAMES, MAX_NAMES = 12, 200, 20_000
# A clock that is set back puts times out of order by a few rows: this many rows around a bound are compared.
SLACK = 200
# Messages for a value that does not occur in the trail and could not.
_UNKNOWN = {
    "role": "There is and was no role “{}”.",
    "connection": "There is and was no connection “{}”.",
    "kind": "“{}” is not a known object type.",
    "outcome": "“{}” is not a known outcome.",
    "action": "“{}” is not a known event.",
    "look": "“{}” is not a known highlight.",
    "field": "No change of a field “{}” has been recorded.",
    "person": "“{}” is not an account number.",
    "group": "No event of a group “{}” has been recorded.",
    "words": "Enter at least one word with two or more letters instead of “{}”.",
}
_NOTHING = Condition(Q(sequence__in=[]))


class _TooManyNames(Exception):  # noqa: N818 - reads as what happened
    """More than MAX_NAMES names match; the text is the name of the filter."""


def select_events(wanted: EventFilter) -> Selection:
    """Turn a filter into a selection, with a few small queries. An invalid filter selects no events."""
    if problems := find_problems(wanted):
        return Selection((_NOTHING,), problems=problems)
    try:
        conditions = tuple(_conditions(wanted.values))
    except _TooManyNames as vague:
        words = f"More than {MAX_NAMES:,} names match, so nothing is shown. Enter more of the name."
        return Selection((_NOTHING,), problems={str(vague): words})
    # The time becomes a span of rows. As long as the clock went forward around the bounds, no condition on
    # the time is needed; there are no rows if nothing happened in it.
    span, rows = Q(), Rows()
    if wanted.since:
        first = _get_row(Event.objects.filter(time__gte=wanted.since).order_by("time"))
        stray = first is not None and _is_out_of_order(Q(time__gte=wanted.since), first)
        span &= Q(time__gte=wanted.since) if stray else Q()
        rows = rows.within(first - 1 - SLACK * stray if first else None, None if first else 0)
    if wanted.until:
        last = _get_row(Event.objects.filter(time__lt=wanted.until).order_by("-time"))
        stray = last is not None and _is_out_of_order(Q(time__gte=wanted.until), last + 1)
        span &= Q(time__lt=wanted.until) if stray else Q()
        rows = rows.within(None, last + 1 + SLACK * stray if last else 0)
    return Selection(conditions, span, rows)


def find_problems(wanted: EventFilter) -> dict[str, str]:
    """Return the problems by filter name: invalid values, and values that cannot occur in the trail."""
    if wanted.problems:
        return wanted.problems
    known = {
        "role": lambda role: Group.objects.filter(name=role).exists(),
        "connection": lambda slug: Connection.objects.filter(slug=slug).exists(),
        "kind": KINDS.__contains__,
        "outcome": OUTCOMES.__contains__,
        "action": _get_actions,
        "look": REVIEW_RULES.__contains__,
        "field": lambda field: Term.objects.filter(term=_field_term(field)).exists(),
        "person": is_number,
        "group": lambda _: False,
        "words": split_words,
    }
    columns = {**_COLUMNS, "action": "action"}
    problems = {}
    for name, is_known in known.items():
        value = wanted.values.get(name)
        if value is None or is_known(value):
            continue
        # A former value may still occur in the trail: read from the index of its column.
        if name not in columns or not Event.objects.filter(**{columns[name]: value}).exists():
            problems[name] = _UNKNOWN[name].format(value)
    return problems


def _conditions(values: dict[str, str]) -> Iterator[Condition]:
    """Yield a condition for each filter, and for each word."""
    for name, column in _COLUMNS.items():
        if name in values:
            yield Condition(Q(**{column: values[name]}))
    if "person" in values:
        yield Condition(Q(actor_id=values["person"]))
    if "actor" in values:
        yield _match_actor(values["actor"])
    if "action" in values:
        yield _one_of("action", _get_actions(values["action"]) or [values["action"]])
    if "change" in values:
        yield _match_id(values["change"])
    if "guid" in values:
        yield Condition(terms=(_guid_term(values["guid"]),))
    if "object" in values:
        yield _match_object(values["object"])
    if "look" in values:
        yield Condition(get_rule_condition(values["look"]), ordered=False, indexed=False)
    if "field" in values:
        yield Condition(terms=(_field_term(values["field"]),))
    if "words" in values:
        yield from (Condition(terms=(f"w:{word}",)) for word in split_words(values["words"]))


def _one_of(column: str, values: list[str]) -> Condition:
    each = tuple(Condition(Q(**{column: value})) for value in values)
    return each[0] if len(each) == 1 else _any_of(each, columns=Q(**{f"{column}__in": values}))


def _any_of(alternatives: tuple[Condition, ...], **whole: Any) -> Condition:
    """Combine alternatives. If they are few, each is read along its own index."""
    few = len(alternatives) <= FEW_LINES
    return Condition(**whole, ordered=few, alternatives=alternatives if few else ())


def _get_actions(action: str) -> list[str]:
    """Return an action, or all of a group such as "change."; [] for an unknown one."""
    whole = action.endswith(".")
    return [known for known in EVENT_TYPES if known == action or (whole and known.startswith(action))]


def _match_object(text: str) -> Condition:
    """Match the object with that guid and all objects that ever had such a name."""
    exact = Term.objects.filter(term=_guid_term(text))
    called = Q(folded__contains=fold(text)) | Q(guid__iexact=text)
    guids = KnownName.objects.filter(called, kind__startswith="object:").values("guid")
    few = _get_few(guids.distinct(), "object")
    if few is None:
        named = Q(object_guid__in=guids) | Q(parent_guid__in=guids) | Q(object_guid="", object_name__in=guids)
        same = Q(Exists(exact.filter(event_id=OuterRef("pk"))))
        return Condition(named | same, ordered=False, indexed=False)
    terms = dict.fromkeys([_guid_term(guid) for guid in few] + [_guid_term(text)] * exact.exists())
    if not terms:
        return _match_id(text)
    each = tuple(Condition(terms=(term,)) for term in terms)
    return each[0] if len(each) == 1 else _any_of(each, terms=tuple(terms))


def _field_term(name: str) -> str:
    return f"f:{name[:MAX_NAME]}"


def _guid_term(guid: str) -> str:
    return f"o:{guid}"[:160]


def _match_actor(text: str) -> Condition:
    names = KnownName.objects.filter(kind="actor", folded__contains=fold(text)).values("name")
    few = _get_few(names, "actor")
    if few is None:
        return Condition(Q(actor_name__in=names), ordered=False, indexed=False)
    return _one_of("actor_name", few)


def _get_few(names: QuerySet[KnownName, Any], asked: str) -> list[str] | None:
    """Return the names, None if they are too many to look up one by one. Raises _TooManyNames."""
    found = [next(iter(row.values())) for row in names[: FEW_NAMES + 1]]
    if len(found) <= FEW_NAMES:
        return found
    if names[: MAX_NAMES + 1].count() > MAX_NAMES:
        raise _TooManyNames(asked)
    return None


def _match_id(text: str) -> Condition:
    """Match the first kind of id that occurs; a query for all kinds at once would read every row."""
    for column in ("change_id", "request_id", "gateway_request_id"):
        if Event.objects.filter(**{column: text}).exists():
            return Condition(Q(**{column: text}))
    return _NOTHING


def _is_out_of_order(later: Q, first: int) -> bool:
    """Return whether the rows near `first` are out of order: `later` must hold exactly from `first` on."""
    near = Event.objects.filter(sequence__gt=first - SLACK, sequence__lt=first + SLACK)
    return near.filter((later & Q(sequence__lt=first)) | (~later & Q(sequence__gte=first))).exists()


def _get_row(events: QuerySet[Event]) -> int | None:
    return events.values_list("sequence", flat=True).first()
