"""The query behind a filter: always along an index that ends with the row's number, so pages are cheap."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from portal.audit.actions import ACTIONS
from portal.audit.filters import Wanted
from portal.audit.models import Event, Known, Term
from portal.audit.terms import words_of

_COLUMNS = {
    "role": "actor_role", "kind": "object_kind", "connection": "connection", "outcome": "outcome",
    "address": "address",
}  # fmt: skip
MOST_NAMES = 200
COUNTED = 1000
# A clock set back puts times out of order by a few rows; the rows are looked at this far around a bound.
SLACK = 200


@dataclass(frozen=True)
class _Rows:
    """Numbers of rows, both bounds exclusive; None is open."""

    above: int | None
    below: int | None

    def within(self, above: int | None, below: int | None) -> "_Rows":
        """Drawn in to further bounds."""
        lower = [bound for bound in (self.above, above) if bound is not None]
        upper = [bound for bound in (self.below, below) if bound is not None]
        return _Rows(max(lower, default=None), min(upper, default=None))

    def bounds(self, column: str) -> dict[str, int]:
        """The bounds as a filter on `column`."""
        asked = {f"{column}__gt": self.above, f"{column}__lt": self.below}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class Selection:
    """A filter, looked up: what columns must be, which terms must be there, between which rows."""

    conditions: Q
    terms: list[str]
    rows: _Rows

    def counted(self) -> int:
        """How many events match, up to COUNTED + 1."""
        if len(self.terms) == 1 and not self.conditions and self.rows == _Rows(None, None):
            return _frequency(self.terms[0])
        return len(self.events().values_list("sequence", flat=True)[: COUNTED + 1])

    def events(
        self, *, above: int | None = None, below: int | None = None, oldest_first: bool = False
    ) -> QuerySet[Event]:
        """The events that match, newest first unless asked, with row numbers between the exclusive bounds."""
        rows = self.rows.within(above, below)
        events = Event.objects.filter(self.conditions, **rows.bounds("sequence"))
        for term in self.terms:
            # The bounds on the index too: SQLite does not carry them over the join by itself.
            events = events.filter(terms__term=term, **rows.bounds("terms__event_id"))
        # Of several terms the last one joined leads, which is the rarest.
        order = "terms__event_id" if self.terms else "sequence"
        return events.order_by(order if oldest_first else f"-{order}")


def selection_of(wanted: Wanted) -> Selection:
    """Looks up the names and times of a filter; a few small queries."""
    guids = _guids(wanted.values["object"]) if "object" in wanted.values else []
    terms = _terms(wanted) + [f"o:{guid}" for guid in guids if len(guids) == 1]
    if len(terms) > 1:
        terms.sort(key=_frequency, reverse=True)
    return Selection(_conditions(wanted, guids), terms, _spanned(wanted))


def _terms(wanted: Wanted) -> list[str]:
    """What must be in the index of terms for an event to match."""
    terms = [f"w:{word}" for word in words_of(wanted.values.get("words", ""))]
    return [*terms, f"f:{wanted.values['field'][:150]}"] if "field" in wanted.values else terms


def _frequency(term: str) -> int:
    """How frequent a term is, as far as it matters."""
    return len(Term.objects.filter(term=term).values_list("event_id")[: COUNTED + 1])


def _conditions(wanted: Wanted, guids: list[str]) -> Q:
    """What the columns must be."""
    values, all_of = wanted.values, Q()
    for name, column in _COLUMNS.items():
        if name in values:
            all_of &= Q(**{column: values[name]})
    if wanted.since:
        all_of &= Q(time__gte=wanted.since)
    if wanted.until:
        all_of &= Q(time__lt=wanted.until)
    if "actor" in values:
        all_of &= Q(actor_name__in=_actors(values["actor"]))
    if "action" in values:
        all_of &= _action(values["action"])
    if "change" in values:
        all_of &= _same_id(values["change"])
    if "words" in values and not words_of(values["words"]):
        all_of &= Q(pk__in=[])
    return all_of & _object(values["object"], guids) if "object" in values else all_of


def _action(action: str) -> Q:
    """One action, or with a dot at the end all of a group: "change."."""
    group = [known for known in ACTIONS if known.startswith(action)]
    return Q(action__in=group) if action.endswith(".") else Q(action=action)


def _guids(text: str) -> list[str]:
    """The objects meant: the one with that guid, else those that ever had that name."""
    if Term.objects.filter(term=f"o:{text}"[:160]).exists():
        return [text]
    named = Known.objects.filter(kind__startswith="object:", name__icontains=text)
    return list(named.values_list("guid", flat=True).distinct()[:MOST_NAMES])


def _object(text: str, guids: list[str]) -> Q:
    if len(guids) == 1:
        return Q()  # a term of its own
    if not guids:
        return _same_id(text)
    return Q(sequence__in=Term.objects.filter(term__in=[f"o:{guid}" for guid in guids]).values("event_id"))


def _same_id(text: str) -> Q:
    """The first kind of id that this is one of; asking for all at once would read every row."""
    for column in ("change_id", "request_id", "gateway_request_id"):
        if Event.objects.filter(**{column: text}).exists():
            return Q(**{column: text})
    return Q(pk__in=[])


def _actors(text: str) -> list[str]:
    known = Known.objects.filter(kind="actor", name__icontains=text)
    return list(known.values_list("name", flat=True)[:MOST_NAMES])


def _spanned(wanted: Wanted) -> _Rows:
    """The rows in which the span of time lies; no row at all if nothing happened in it."""
    rows = _Rows(None, None)
    if wanted.since:
        first = _row(Event.objects.filter(time__gte=wanted.since).order_by("time"))
        rows = rows.within(first - SLACK - 1 if first else None, None if first else 0)
    if wanted.until:
        last = _row(Event.objects.filter(time__lt=wanted.until).order_by("-time"))
        rows = rows.within(None, last + SLACK + 1 if last else 0)
    return rows


def _row(events: QuerySet[Event]) -> int | None:
    return events.values_list("sequence", flat=True).first()
