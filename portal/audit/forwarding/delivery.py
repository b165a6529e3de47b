"""Send events and anchors to receivers: in order, each at least once, and without delaying a change.

A Delivery row stores the progress of a receiver; a lease on it prevents two workers from sending at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.utils import timezone

from portal.audit.anchors import Anchor, AnchorUnavailable, read_anchors
from portal.audit.event_json import COLUMNS, SCHEMA, build_event, get_event_values
from portal.audit.forwarding.receivers import (
    DEADLINE,
    Line,
    Mail,
    Receiver,
    Undelivered,
    deliver_lines,
    parse_receiver,
)
from portal.audit.models import ChainHead, Delivery, Event
from portal.core.leases import Lease

BATCH = 500
MAX_TEXT = 1024 * 1024
LEASE, LEASE_TIME = Lease("holder", "held_until"), timedelta(seconds=4 * DEADLINE)
LONGEST_PAUSE = 300
# A mail for each anchor would soon be ignored.
MAIL_PAUSE = timedelta(hours=1)
# Longer behind than this, or failing, and people are warned.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Forwarder:
    """A receiver and what it gets: events, or else anchors."""

    name: str
    receiver: Receiver
    tells_events: bool

    def get_end(self) -> int:
        """Return the row of the last event or anchor."""
        if self.tells_events:
            return ChainHead.objects.filter(pk=1).values_list("sequence", flat=True).first() or 0
        return max((anchor.sequence for anchor in _get_genuine_anchors()), default=0)

    def generate_lines(self, after: int) -> Iterator[Line]:
        """Yield the lines of the rows after that one, in the order of rows, which is that of commits."""
        if not self.tells_events:
            for anchor in _get_genuine_anchors():
                if anchor.sequence > after:
                    moment = datetime.fromisoformat(anchor.time)
                    yield Line(anchor.sequence, moment, "audit.anchor", "", anchor.values)
            return
        rows = Event.objects.filter(sequence__gt=after).order_by("sequence").values_list(*COLUMNS)[:BATCH]
        for row in rows:
            event, values = build_event(row), get_event_values(row)
            told = {"schema": SCHEMA, **values, "sentence": event.sentence}
            yield Line(event.sequence, event.time, event.action, event.outcome, told)


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


def get_forwarders() -> list[Forwarder]:
    """Return the forwarders of all receivers in the settings. Raises ImproperlyConfigured."""
    events = [
        Forwarder(receiver.name, receiver, tells_events=True)
        for receiver in _get_receivers("AUDIT_FORWARD_TO")
    ]
    if any(isinstance(feed.receiver, Mail) for feed in events):
        raise ImproperlyConfigured(
            "Only anchors can be sent by email, not events. Remove the mail address from AUDIT_FORWARD_TO."
        )
    feeds = events + _get_anchor_forwarders()
    names = [feed.name for feed in feeds]
    for name in names:
        if names.count(name) > 1:
            raise ImproperlyConfigured(f"The audit receiver {name} is listed twice. List each receiver once.")
    return feeds


def get_backlogs() -> list[ForwarderLag]:
    """Return how far behind each receiver in the settings is, in their order."""
    known, backlogs = {cursor.receiver: cursor for cursor in Delivery.objects.all()}, []
    for feed in get_forwarders():
        cursor = known.get(feed.name) or Delivery(receiver=feed.name)
        oldest = next(feed.generate_lines(cursor.sequence), None)
        backlogs.append(
            ForwarderLag(
                name=feed.name,
                sequence=cursor.sequence,
                # Rows are counted by their numbers; a mail without a new anchor lacks nothing.
                behind=max(feed.get_end() - cursor.sequence, 0) if oldest else 0,
                oldest=oldest.time if oldest else None,
                delivered_at=cursor.delivered_at,
                last_error=cursor.last_error,
                retry_at=cursor.retry_at,
            )
        )
    return backlogs


def deliver_all(*, holder: str, at_once: bool = False) -> int:
    """Send a batch to each receiver that is due, all with `at_once`; return the number of accepted lines."""
    return sum(deliver_batch(feed, holder=holder, at_once=at_once) for feed in get_forwarders())


def end_mail_pauses() -> None:
    """End the pauses between mails, so that a requested anchor is sent with the next round."""
    names = [feed.name for feed in _get_anchor_forwarders()]
    Delivery.objects.filter(receiver__in=names, last_error="").update(retry_at=None)


def deliver_anchors(*, holder: str) -> list[str]:
    """Send all anchors now; return the receivers that did not accept them, with the reason."""
    problems = []
    for feed in _get_anchor_forwarders():
        sent = 1
        while sent:
            sent = deliver_batch(feed, holder=holder, at_once=True)
        cursor = Delivery.objects.get(pk=feed.name)
        if cursor.sequence < feed.get_end():
            problems.append(f"{feed.name}: {cursor.last_error or 'another worker is delivering to it.'}")
    return problems


def deliver_batch(feed: Forwarder, *, holder: str, at_once: bool = False) -> int:
    """Send the next lines, unless the receiver is up to date, paused or claimed; return their number."""
    cursor, _ = Delivery.objects.get_or_create(receiver=feed.name)
    if cursor.sequence >= feed.get_end():
        return 0
    row = Delivery.objects.filter(receiver=feed.name)
    due = row if at_once else row.filter(Q(retry_at=None) | Q(retry_at__lte=timezone.now()))
    claimed = LEASE.claim(due, holder, lasts=LEASE_TIME)
    if not claimed:
        return 0
    # Read again: another worker may have sent lines in the meantime.
    lines = _take_batch(feed.generate_lines(Delivery.objects.get(pk=feed.name).sequence))
    try:
        if lines:
            deliver_lines(feed.receiver, lines)
    except Undelivered as problem:
        # The pause doubles with each failure, up to LONGEST_PAUSE seconds.
        failures = Delivery.objects.get(pk=feed.name).failures + 1
        LEASE.release(
            row,
            holder,
            failures=failures,
            last_error=str(problem)[:300],
            retry_at=timezone.now() + timedelta(seconds=min(2 ** min(failures, 16), LONGEST_PAUSE)),
        )
        return 0
    now = timezone.now()
    progress = {"sequence": lines[-1].sequence, "delivered_at": now} if lines else {}
    LEASE.release(
        row,
        holder,
        **progress,
        failures=0,
        last_error="",
        retry_at=now + MAIL_PAUSE if isinstance(feed.receiver, Mail) else None,
    )
    return len(lines)


def _get_anchor_forwarders() -> list[Forwarder]:
    return [
        Forwarder(f"anchors to {receiver.name}", receiver, tells_events=False)
        for receiver in _get_receivers("AUDIT_ANCHOR_FORWARD_TO")
    ]


def _get_receivers(setting: str) -> list[Receiver]:
    """Return the receivers of a setting. Raises ImproperlyConfigured, which names the setting."""
    try:
        return [parse_receiver(address) for address in getattr(settings, setting)]
    except ImproperlyConfigured as problem:
        raise ImproperlyConfigured(f"{setting}: {problem}") from None


def _get_genuine_anchors() -> list[Anchor]:
    try:
        genuine = [anchor for anchor in read_anchors() if anchor.genuine]
        return sorted(genuine, key=lambda anchor: anchor.sequence)
    except AnchorUnavailable:
        return []


def _take_batch(lines: Iterator[Line]) -> list[Line]:
    """Return as many lines as fit into one delivery, at least one."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        size += len(line.text)
        if batch and (size > MAX_TEXT or len(batch) >= BATCH):
            break
        batch.append(line)
    return batch
