"""The filters of the explorer: parsed from its address, and described in words. See portal.audit.search."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.review_rules import REVIEW_RULES
from portal.core.datetimes import find_time_zone, get_time_zone
from portal.core.text import is_hidden, search_text

TIMES = ("when", "from", "to")
_EXAMPLE = "Enter a date such as 24 Nov 2026."
_SKIPPED = "This time does not exist: the clocks went forward then. Enter an earlier or later time."
PRESETS = {"today": "Today", "yesterday": "Yesterday", "7": "Last 7 days", "30": "Last 30 days"}
NAMES = {
    "when": "When", "from": "From", "to": "To", "actor": "Who", "role": "Role", "action": "What",
    "kind": "Object type", "object": "Object", "connection": "Connection", "outcome": "Outcome",
    "change": "Change or request ID", "field": "Changed field", "address": "IP address", "words": "Words",
    "look": "Highlights", "zone": "Time zone", "person": "By", "guid": "GUID", "group": "Group",
}  # fmt: skip


# What people type or paste; all else is chosen, or comes from a link.
_TYPED = ("object", "actor", "change", "words", "field", "from", "to")


@dataclass(frozen=True)
class EventFilter:
    """The filters of an address, and the time they mean: since inclusive, until exclusive, or None.

    `problems` say for each filter that cannot be understood what is wrong with it.
    """

    values: dict[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Return the filter as text with the time it means now: "Who: Ana; …"; "everything" for none."""
        span = f"{_stamp(self.since)} to {_stamp(self.until)} UTC" if self.since or self.until else ""
        return "; ".join(part for part in (self.said, span) if part) or "everything"

    @property
    def said(self) -> str:
        """Return the filter as it was entered: "When: Last 7 days; Outcome: refused"."""
        parts = []
        for name, value in self.values.items():
            shown = value
            if name == "when":
                shown = PRESETS.get(value, value)
            elif name == "look" and value in REVIEW_RULES:
                shown = REVIEW_RULES.get(value).title
            elif name == "person":
                shown = describe_account(value)
            parts.append(f"{NAMES[name]}: {shown}")
        return "; ".join(parts)

    @property
    def query(self) -> str:
        """Return the filters as a query string, for links to other views of the same events."""
        return urlencode(self.values)


def parse_filters(query: QueryDict, zone: tzinfo) -> EventFilter:
    """Return the filters in `query`; days are those of the zone it names, else of `zone`.

    Times and zones that cannot be read are `problems`.
    """
    asked = {name: query.get(name, "").replace("\0", "").strip()[:200] for name in NAMES}
    asked |= {name: search_text(asked[name]) for name in _TYPED}
    asked["address"] = _parse_ip_address(asked["address"])
    values = {name: value for name, value in asked.items() if value}
    if not values.keys() & set(TIMES):
        values.pop("zone", None)
    found = find_time_zone(values["zone"]) if "zone" in values else zone
    if found is None:
        return EventFilter(values, problems={"zone": f"“{values['zone']}” is not a time zone."})
    zone = found
    if "when" in values:
        if values["when"] not in PRESETS:
            return EventFilter(values, problems={"when": f"“{values['when']}” is not a known period."})
        for name in ("from", "to"):
            values.pop(name, None)
        today = timezone.now().astimezone(zone).date()
        if values["when"] == "yesterday":
            return EventFilter(values, _midnight(today - timedelta(days=1), zone), _midnight(today, zone))
        days = 0 if values["when"] == "today" else int(values["when"]) - 1
        return EventFilter(values, _midnight(today - timedelta(days=days), zone))
    # A day as the end includes all its hours.
    since = _parse_bound(values.get("from", ""), zone, 0)
    until = _parse_bound(values.get("to", ""), zone, 1)
    problems = {
        name: _SKIPPED if _is_skipped(values[name], zone) else f"“{values[name]}” is not a date. {_EXAMPLE}"
        for name, bound in (("from", since), ("to", until))
        if name in values and bound is None
    }
    if since and until and since >= until:
        problems["to"] = "“To” must be later than “From”."
    return EventFilter(values, since, until, problems)


def get_user_zone(user: Any) -> tzinfo:
    """Return the time zone in which a user reads and enters times."""
    return get_time_zone(getattr(user, "timezone", ""))


def read_filters(request: HttpRequest) -> EventFilter:
    """Return the filters in the address of a request; days are those of the user's time zone."""
    return parse_filters(request.GET, get_user_zone(request.user))


def _parse_ip_address(text: str) -> str:
    """Return a pasted IP address as events spell it; any other text unchanged."""
    shown = "".join(char for char in text if not is_hidden(char) and not char.isspace())
    try:
        return str(ip_address(shown.strip("\"'<>()[]{},;.“”")))
    except ValueError:
        return text


def _parse_bound(text: str, zone: tzinfo, days: int) -> datetime | None:
    """Return the time that is meant; None for an invalid date and for a time that the clocks skip.

    A day may be given as 2026-11-24, 24 Nov 2026 or 24 November 2026; `days` are added to it. A time that
    comes twice, when clocks are put back, counts from its first to its second coming.
    """
    day = None
    try:
        for form in ("%d %b %Y", "%d %B %Y"):
            with suppress(ValueError):
                day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day of whatever zone
        if day is None and len(text) <= 10:
            day = date.fromisoformat(text)
        if day is not None:
            return _midnight(day + timedelta(days=days), zone)
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone, fold=1 if days else 0)
            if _is_skipped(text, zone):
                return None
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_skipped(text: str, zone: tzinfo) -> bool:
    """Return whether a local time does not exist because the clocks went forward."""
    try:
        local = datetime.fromisoformat(text)
        if len(text) <= 10 or local.tzinfo:
            return False
        back = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
        return back.replace(tzinfo=None, fold=0) != local
    except (ValueError, OverflowError):
        return False


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def describe_account(number: str) -> str:
    """Return the number of an account with the latest name that it acted under."""
    events = Event.objects.filter(actor_id=number) if is_number(number) else Event.objects.none()
    name = events.values_list("actor_name", flat=True).first()
    return f"{name} (account {number})" if name else f"account {number}"


def is_number(text: str) -> bool:
    """Return whether the databases can compare the text with the number of an account."""
    return text.isascii() and text.isdigit() and len(text) < 19


def format_bound(when: datetime) -> str:
    """Return a time as the filters `from` and `to` take it."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _stamp(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if when else "…"
