"""Show times in the user's time zone, with the exact UTC time beside them."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTHING = "—"
_STEPS = ((60, "minute"), (3600, "hour"), (86400, "day"), (86400 * 30, "month"), (86400 * 365, "year"))


def parse_instant(value: object) -> datetime | None:
    """Return an aware datetime from a datetime or ISO 8601 text, or None. Naive times are UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    value = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        value.astimezone(UTC)  # every page shows the exact UTC as well
    except OverflowError:
        return None
    return value


def get_time_zone(name: str) -> tzinfo:
    """Return the time zone of that IANA name, UTC if there is none."""
    return find_time_zone(name or "UTC") or UTC


def find_time_zone(name: str) -> tzinfo | None:
    """Return the time zone of that IANA name, None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def format_datetime(value: object, zone: tzinfo) -> SafeString | str:
    """Return a <time> element with day and time, and exact UTC in the title; "—" without a time."""
    when = parse_instant(value)
    if when is None:
        return str(value) if value else NOTHING
    return _format_moment(when, zone)


def format_exact(value: object) -> str:
    """Return the time to the microsecond, in UTC: "2026-01-31 09:59:00.123456 UTC"."""
    when = parse_instant(value)
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC" if when else NOTHING


def format_age(value: object) -> SafeString | str:
    """Return a <time> element with the age ("5 minutes ago"), exact UTC in the title; "never" for None."""
    when = parse_instant(value)
    if when is None:
        return "never"
    seconds = (timezone.now() - when).total_seconds()
    if seconds < -1:
        return _element(when, f"in {_span(-seconds)}")
    return _element(when, "just now" if seconds < 10 else f"{_span(seconds)} ago")


@lru_cache(maxsize=2048)  # lists show the same fifty times again and again
def _format_moment(when: datetime, zone: tzinfo) -> SafeString:
    try:
        local, suffix = when.astimezone(zone), ""
        # Where the clocks go back an hour comes twice, so the offset says which one it is.
        if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
            suffix = f" (UTC{local.isoformat()[-6:]})"
    except OverflowError:  # the last and the first day that there are, in a zone far from UTC
        local, suffix = when.astimezone(UTC), " UTC"
    return _element(when, f"{local.day} {local:%b %Y, %H:%M}{suffix}")


def _span(seconds: float) -> str:
    size, unit = 1, "second"
    for step, name in _STEPS:
        if seconds >= step:
            size, unit = step, name
    count = int(seconds // size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _element(when: datetime, text: str) -> SafeString:
    exact = when.astimezone(UTC)
    stamp = exact.isoformat(timespec="seconds").replace("+00:00", "Z")
    title = f"{exact:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, title, text)
