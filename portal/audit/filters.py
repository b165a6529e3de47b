"""What the address of the explorer asks for: parsed once, turned into a query and into words."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from portal.audit.actions import ACTIONS
from portal.audit.models import Event, Known, Term
from portal.audit.terms import words_of

PRESETS = {"today": "Today", "yesterday": "Yesterday", "7": "Last 7 days", "30": "Last 30 days"}
NAMES = {
    "when": "When", "from": "From", "to": "To", "actor": "Who", "role": "Role", "action": "What",
    "kind": "Kind of object", "object": "Object", "connection": "Connection", "outcome": "Outcome",
    "change": "Change or request id", "field": "Field touched", "address": "Source address", "words": "Words",
}  # fmt: skip
_COLUMNS = {
    "role": "actor_role", "kind": "object_kind", "connection": "connection", "outcome": "outcome",
    "address": "address",
}  # fmt: skip
MOST_NAMES = 200
# A clock set back puts times out of order by a few rows; the rows are looked at this far around a bound.
SLACK = 1000


@dataclass(frozen=True)
class Wanted:
    """The filters of an address, and the span of time they mean: since inclusive, until exclusive, or None."""

    values: dict[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    @property
    def words(self) -> str:
        """The filter for people: "Who: Ana; Outcome: refused"; "everything" for none."""
        said = [
            f"{NAMES[name]}: {PRESETS.get(value, value) if name == 'when' else value}"
            for name, value in self.values.items()
        ]
        if self.since or self.until:
            said.append(f"{_stamp(self.since)} to {_stamp(self.until)} UTC")
        return "; ".join(said) or "everything"


def wanted_of(query: QueryDict, zone: tzinfo) -> Wanted:
    """The filters in `query`; days are those of `zone`. Nonsense is ignored, not an error."""
    asked = {name: query.get(name, "").replace("\0", "").strip()[:200] for name in NAMES}
    values = {name: value for name, value in asked.items() if value}
    if values.get("when") not in PRESETS:
        values.pop("when", None)
        return Wanted(values, *_between(values, zone))
    for name in ("from", "to"):
        values.pop(name, None)
    return Wanted(values, *_preset(values["when"], zone))


def events_wanted(wanted: Wanted) -> QuerySet[Event]:
    """The events that match, newest first."""
    events, values = _spanned(wanted), wanted.values
    for name, column in _COLUMNS.items():
        if name in values:
            events = events.filter(**{column: values[name]})
    if "actor" in values:
        events = events.filter(actor_name__in=_actors(values["actor"]))
    if "action" in values:
        events = _by_action(events, values["action"])
    if "object" in values:
        events = _by_object(events, values["object"])
    if "change" in values:
        events = events.filter(_same_id(values["change"]))
    if "field" in values:
        events = events.filter(terms__term=f"f:{values['field'][:150]}")
    if "words" in values:
        words = words_of(values["words"])
        for word in words:
            events = events.filter(terms__term=f"w:{word}")
        events = events if words else events.none()
    return events


def _by_action(events: QuerySet[Event], action: str) -> QuerySet[Event]:
    """One action, or with a dot at the end all of a group: "change."."""
    if not action.endswith("."):
        return events.filter(action=action)
    return events.filter(action__in=[known for known in ACTIONS if known.startswith(action)])


def _by_object(events: QuerySet[Event], text: str) -> QuerySet[Event]:
    """By guid, else by any name the object ever had, else by an id of the event itself."""
    if Term.objects.filter(term=f"o:{text}"[:160]).exists():
        return events.filter(terms__term=f"o:{text}")
    named = Known.objects.filter(kind__startswith="object:", name__icontains=text)
    guids = list(named.values_list("guid", flat=True).distinct()[:MOST_NAMES])
    if len(guids) == 1:
        return events.filter(terms__term=f"o:{guids[0]}")
    if guids:
        terms = Term.objects.filter(term__in=[f"o:{guid}" for guid in guids])
        return events.filter(sequence__in=terms.values("event_id"))
    return events.filter(_same_id(text))


def _same_id(text: str) -> Q:
    return Q(change_id=text) | Q(request_id=text) | Q(gateway_request_id=text)


def _actors(text: str) -> list[str]:
    known = Known.objects.filter(kind="actor", name__icontains=text)
    return list(known.values_list("name", flat=True)[:MOST_NAMES])


def _spanned(wanted: Wanted) -> QuerySet[Event]:
    """The span of time as rows too, since every index ends with the row's number."""
    events = Event.objects.order_by("-sequence")
    if wanted.since:
        first = Event.objects.filter(time__gte=wanted.since).order_by("time").values_list("sequence").first()
        if first is None:
            return events.none()
        events = events.filter(time__gte=wanted.since, sequence__gte=first[0] - SLACK)
    if wanted.until:
        last = Event.objects.filter(time__lt=wanted.until).order_by("-time").values_list("sequence").first()
        if last is None:
            return events.none()
        events = events.filter(time__lt=wanted.until, sequence__lte=last[0] + SLACK)
    return events


def _preset(name: str, zone: tzinfo) -> tuple[datetime, datetime | None]:
    today = timezone.now().astimezone(zone).date()
    if name == "yesterday":
        return _midnight(today - timedelta(days=1), zone), _midnight(today, zone)
    days = 0 if name == "today" else int(name) - 1
    return _midnight(today - timedelta(days=days), zone), None


def _between(values: dict[str, str], zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Drops what cannot be read from `values`; a day as the end is meant with all its hours."""
    since, until = (_bound(values.get(name, ""), zone, days) for name, days in (("from", 0), ("to", 1)))
    for name, found in (("from", since), ("to", until)):
        if found is None:
            values.pop(name, None)
    return since, until


def _bound(text: str, zone: tzinfo, days: int) -> datetime | None:
    try:
        if len(text) <= 10:
            return _midnight(date.fromisoformat(text) + timedelta(days=days), zone)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _stamp(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if when else "…"
