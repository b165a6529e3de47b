"""What the address of the explorer asks for: parsed once, also as words. See portal.audit.queries."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.http import QueryDict
from django.utils import timezone

PRESETS = {"today": "Today", "yesterday": "Yesterday", "7": "Last 7 days", "30": "Last 30 days"}
NAMES = {
    "when": "When", "from": "From", "to": "To", "actor": "Who", "role": "Role", "action": "What",
    "kind": "Kind of object", "object": "Object", "connection": "Connection", "outcome": "Outcome",
    "change": "Change or request id", "field": "Field touched", "address": "Source address", "words": "Words",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """The filters of an address, and the time they mean: since inclusive, until exclusive, or None."""

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
