"""How far behind each receiver is, for the page and the ready-check."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from portal.audit.forwarding.delivery import Forwarder, get_forwarders
from portal.audit.models import Delivery

# Longer behind than this, or failing, and people are warned.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class ForwarderLag:
    """One receiver: what it has and what it lacks. `oldest` is when the first thing it lacks happened."""

    name: str
    sequence: int
    behind: int
    oldest: datetime | None
    delivered_at: datetime | None
    last_error: str
    retry_at: datetime | None

    @property
    def late(self) -> bool:
        """Return whether the receiver refuses events or has not been sent any for a while."""
        waiting = self.oldest is not None and timezone.now() - self.oldest > PATIENCE
        paused = self.retry_at is not None and not self.last_error
        return bool(self.last_error) or (waiting and not paused)

    @property
    def state(self) -> str:
        """Return the state in a word or two."""
        if self.last_error:
            return "Failing"
        return "Late" if self.late else "Behind" if self.behind else "Up to date"

    @property
    def colour(self) -> str:
        """Return the colour of the state."""
        return {"Failing": "red", "Late": "amber", "Behind": "blue"}.get(self.state, "green")


def get_backlogs() -> list[ForwarderLag]:
    """Return the lag of each receiver in the settings, in their order."""
    known = {cursor.receiver: cursor for cursor in Delivery.objects.all()}
    return [_backlog(feed, known.get(feed.name) or Delivery(receiver=feed.name)) for feed in get_forwarders()]


def _backlog(feed: Forwarder, cursor: Delivery) -> ForwarderLag:
    oldest = next(iter(feed.after(cursor.sequence)), None)
    # Rows are counted by their numbers; a mail of anchors that has nothing new to say lacks nothing.
    behind = max(feed.end() - cursor.sequence, 0) if oldest else 0
    return ForwarderLag(
        feed.name, cursor.sequence, behind, oldest.time if oldest else None, cursor.delivered_at,
        cursor.last_error, cursor.retry_at,
    )  # fmt: skip
