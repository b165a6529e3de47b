"""What a filter means: the names and times in it looked up, as conditions of a portal.audit.selection."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.audit.event_types import ACTIONS, KINDS, OUTCOMES
from portal.audit.filters import EventFilter, is_number
from portal.audit.models import Event, KnownName, Term
from portal.audit.review_rules import LOOKS, look_condition
from portal.audit.search_index import MOST_NAME, words_asked
from portal.audit.selection import Condition, Rows, Selection
from portal.core.text import fold
from provisioning.credentials.models import Connection

_COLUMNS = {
    "role": "actor_role", "kind": "object_kind", "connection": "connection", "outcome": "outcome",
    "address": "address", "group": "group_id",
}  # fmt: skip
# Up to so many names are looked up along their index, a dozen each for itself; up to the most that may match,
# events are compared with them row by row; a part of a name that still more bear says nothing, and people are
# told so.
FEW_LINES, FEW_NAMES, MOST_NAMES = 12, 200, 20_000
# A clock set back puts times out of order by a few rows: so far around a bound they are looked at.
SLACK = 200
# What is said of a value that is nowhere.
_UNHEARD = {
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
    """So much matches that nothing is said by it; the name of the filter."""


def selection_of(wanted: EventFilter) -> Selection:
    """Looks up the names and times of a filter; a few small queries. Nothing, if it is not understood."""
    if problems := problems_of(wanted):
        return Selection((_NOTHING,), problems=problems)
    try:
        conditions = tuple(_conditions(wanted.values))
    except _TooManyNames as vague:
        words = f"More than {MOST_NAMES:,} names match, so nothing is shown. Enter more of the name."
        return Selection((_NOTHING,), problems={str(vague): words})
    span, rows = _spanned(wanted)
    return Selection(conditions, span, rows)


def problems_of(wanted: EventFilter) -> dict[str, str]:
    """What is not understood, by the name of the filter: also what is neither in the trail nor could be."""
    return wanted.problems or _unheard(wanted.values)


def _unheard(values: dict[str, str]) -> dict[str, str]:
    heard = {
        "role": lambda role: Group.objects.filter(name=role).exists(),
        "connection": lambda slug: Connection.objects.filter(slug=slug).exists(),
        "kind": KINDS.__contains__,
        "outcome": OUTCOMES.__contains__,
        "action": _actions,
        "look": LOOKS.__contains__,
        "field": lambda field: Term.objects.filter(term=_field_term(field)).exists(),
        "person": is_number,
        "group": lambda _: False,
        "words": words_asked,
    }
    columns = {**_COLUMNS, "action": "action"}
    return {
        name: _UNHEARD[name].format(values[name])
        for name, known in heard.items()
        if name in values and not known(values[name]) and not _occurs(columns.get(name), values[name])
    }


def _occurs(column: str | None, value: str) -> bool:
    """Along the column's index."""
    return column is not None and Event.objects.filter(**{column: value}).exists()


def _conditions(values: dict[str, str]) -> Iterator[Condition]:
    """One for each name in the filter, and for each word."""
    for name, column in _COLUMNS.items():
        if name in values:
            yield Condition(Q(**{column: values[name]}))
    if "person" in values:
        yield Condition(Q(actor_id=values["person"]))
    if "actor" in values:
        yield _actor(values["actor"])
    if "action" in values:
        yield _one_of("action", _actions(values["action"]) or [values["action"]])
    if "change" in values:
        yield _same_id(values["change"])
    if "guid" in values:
        yield Condition(terms=(_guid_term(values["guid"]),))
    if "object" in values:
        yield _object(values["object"])
    if "look" in values:
        yield Condition(look_condition(values["look"]), ordered=False, indexed=False)
    if "field" in values:
        yield Condition(terms=(_field_term(values["field"]),))
    if "words" in values:
        yield from (Condition(terms=(f"w:{word}",)) for word in words_asked(values["words"]))


def _one_of(column: str, values: list[str]) -> Condition:
    each = tuple(Condition(Q(**{column: value})) for value in values)
    return each[0] if len(each) == 1 else _any_of(each, columns=Q(**{f"{column}__in": values}))


def _any_of(alternatives: tuple[Condition, ...], **whole: Any) -> Condition:
    """One of several, each with an index of its own; of a few, each is walked for itself."""
    few = len(alternatives) <= FEW_LINES
    return Condition(**whole, ordered=few, alternatives=alternatives if few else ())


def _actions(action: str) -> list[str]:
    """One action, or with a dot at the end all of a group: "change."; none for what is not registered."""
    whole = action.endswith(".")
    return [known for known in ACTIONS if known == action or (whole and known.startswith(action))]


def _object(text: str) -> Condition:
    """The object with that guid, and all that ever had a name like that."""
    exact = Term.objects.filter(term=_guid_term(text))
    called = Q(folded__contains=fold(text)) | Q(guid__iexact=text)
    guids = KnownName.objects.filter(called, kind__startswith="object:").values("guid")
    few = _few(guids.distinct(), "object")
    if few is None:
        named = Q(object_guid__in=guids) | Q(parent_guid__in=guids) | Q(object_guid="", object_name__in=guids)
        same = Q(Exists(exact.filter(event_id=OuterRef("pk"))))
        return Condition(named | same, ordered=False, indexed=False)
    terms = dict.fromkeys([_guid_term(guid) for guid in few] + [_guid_term(text)] * exact.exists())
    if not terms:
        return _same_id(text)
    each = tuple(Condition(terms=(term,)) for term in terms)
    return each[0] if len(each) == 1 else _any_of(each, terms=tuple(terms))


def _field_term(name: str) -> str:
    return f"f:{name[:MOST_NAME]}"


def _guid_term(guid: str) -> str:
    return f"o:{guid}"[:160]


def _actor(text: str) -> Condition:
    names = KnownName.objects.filter(kind="actor", folded__contains=fold(text)).values("name")
    few = _few(names, "actor")
    if few is None:
        return Condition(Q(actor_name__in=names), ordered=False, indexed=False)
    return _one_of("actor_name", few)


def _few(names: QuerySet[KnownName, Any], asked: str) -> list[str] | None:
    """The names, None if they are too many to be looked up one by one. Raises _TooManyNames."""
    found = [next(iter(row.values())) for row in names[: FEW_NAMES + 1]]
    if len(found) <= FEW_NAMES:
        return found
    if names[: MOST_NAMES + 1].count() > MOST_NAMES:
        raise _TooManyNames(asked)
    return None


def _same_id(text: str) -> Condition:
    """The first kind of id that this is one of; asking for all at once would read every row."""
    for column in ("change_id", "request_id", "gateway_request_id"):
        if Event.objects.filter(**{column: text}).exists():
            return Condition(Q(**{column: text}))
    return _NOTHING


def _spanned(wanted: EventFilter) -> tuple[Q, Rows]:
    """The rows in which the span of time lies, no row at all if nothing happened in it.

    Also what still tells its events there: nothing, as long as the clock went forward around its bounds.
    """
    span, rows = Q(), Rows()
    if wanted.since:
        first = _row(Event.objects.filter(time__gte=wanted.since).order_by("time"))
        stray = first is not None and _out_of_order(Q(time__gte=wanted.since), first)
        span &= Q(time__gte=wanted.since) if stray else Q()
        rows = rows.within(first - 1 - SLACK * stray if first else None, None if first else 0)
    if wanted.until:
        last = _row(Event.objects.filter(time__lt=wanted.until).order_by("-time"))
        stray = last is not None and _out_of_order(Q(time__gte=wanted.until), last + 1)
        span &= Q(time__lt=wanted.until) if stray else Q()
        rows = rows.within(None, last + 1 + SLACK * stray if last else 0)
    return span, rows


def _out_of_order(later: Q, first: int) -> bool:
    """Whether, near to it, not just the rows from `first` on are `later`."""
    near = Event.objects.filter(sequence__gt=first - SLACK, sequence__lt=first + SLACK)
    return near.filter((later & Q(sequence__lt=first)) | (~later & Q(sequence__gte=first))).exists()


def _row(events: QuerySet[Event]) -> int | None:
    return events.values_list("sequence", flat=True).first()
