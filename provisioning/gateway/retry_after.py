"""The header Retry-After: until when a gateway asks not to be called again (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Statuses with which a gateway asks to wait.
STATUSES = (429, 503)
# The longest time that the portal waits: a mistake in the header must not stop work for days.
LONGEST = timedelta(hours=1)


def parse(status: int, value: str) -> tuple[datetime | None, bool]:
    """Return when to call the gateway again, at most one hour from now, and whether it asked for longer.

    The first is None if it did not ask for a wait.
    """
    if status not in STATUSES or not value:
        return None, False
    now = datetime.now(UTC)
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:10]), 10**9))
    else:
        try:
            moment = parsedate_to_datetime(text)
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
        except (ValueError, TypeError, OverflowError, IndexError):
            return None, False
    if wait <= timedelta(0):
        return None, False
    return now + min(wait, LONGEST), wait > LONGEST


def clock(moment: datetime) -> str:
    """Return the time of day in words, rounded up to the next minute: "14:05 UTC"."""
    moment = moment.astimezone(UTC)
    if moment.second or moment.microsecond:
        moment += timedelta(minutes=1)
    return f"{moment:%H:%M} UTC"


def words(moment: datetime, *, longer: bool) -> str:
    """Return the sentence for people."""
    asked = " The gateway asked for a longer wait; the portal tries again then." if longer else ""
    return f"Try again after {clock(moment)}.{asked}"
