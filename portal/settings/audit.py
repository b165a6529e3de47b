"""The audit trail: retention, anchors and copies outside the database."""

from zoneinfo import available_timezones

from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import DATA_DIR, env

# The file outside the database to which the head of the audit chain is written, and how often (0: never).
AUDIT_ANCHOR_FILE = env("AUDIT_ANCHOR_FILE", default=str(DATA_DIR / "audit-anchors.jsonl"))
AUDIT_ANCHOR_EVENTS = env.int("AUDIT_ANCHOR_EVENTS", default=1000)
AUDIT_ANCHOR_MINUTES = env.int("AUDIT_ANCHOR_MINUTES", default=15)
# The largest export that is streamed at once, for a few seconds; larger ones are written in the background.
AUDIT_EXPORT_INLINE_ROWS = env.int("AUDIT_EXPORT_INLINE_ROWS", old="AUDIT_EXPORT_STREAMED", default=100_000)
# Where anchors are also sent: mailto:, syslog+udp:, syslog+tcp:, syslog+tls:, https:
AUDIT_ANCHOR_FORWARD_TO = env.list("AUDIT_ANCHOR_FORWARD_TO", old="AUDIT_ANCHOR_SEND", default=[])

# Where each event is forwarded: stdout, file:, syslog+udp:, syslog+tcp:, syslog+tls:, https: (docs/audit.md).
AUDIT_FORWARD_TO = env.list("AUDIT_FORWARD_TO", old="AUDIT_STREAM", default=[])
AUDIT_FORWARD_SECRET = env.secret("AUDIT_FORWARD_SECRET", old="AUDIT_STREAM_SECRET")
AUDIT_FORWARD_CA_FILE = env.file("AUDIT_FORWARD_CA_FILE", old="AUDIT_STREAM_CA_FILE")

# Months for which every event stays in the database at least, and where archives of older ones are written.
AUDIT_RETENTION_MONTHS = env.int("AUDIT_RETENTION_MONTHS", default=12)
AUDIT_ARCHIVE_DIR = env("AUDIT_ARCHIVE_DIR", default=str(DATA_DIR / "audit-archives"))
if AUDIT_RETENTION_MONTHS < 12:
    raise ImproperlyConfigured("AUDIT_RETENTION_MONTHS must be at least 12.")


def _span(name: str, text: str, lowest: int, highest: int) -> tuple[int, int]:
    """Return "7-19" as (7, 19)."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and lowest <= int(first) <= int(last) <= highest):
        raise ImproperlyConfigured(f"{name} must be two numbers like “3-5”, from {lowest} to {highest}.")
    return int(first), int(last)


# Changes at other times deserve a look in the daily review: hours of the day, days of the week (1 is Monday).
AUDIT_BUSINESS_HOURS = _span(
    "AUDIT_BUSINESS_HOURS", env("AUDIT_BUSINESS_HOURS", old="AUDIT_OFFICE_HOURS", default="7-19"), 0, 24
)
AUDIT_BUSINESS_DAYS = _span(
    "AUDIT_BUSINESS_DAYS", env("AUDIT_BUSINESS_DAYS", old="AUDIT_OFFICE_DAYS", default="1-5"), 1, 7
)
AUDIT_BUSINESS_ZONE = env("AUDIT_BUSINESS_ZONE", old="AUDIT_OFFICE_ZONE", default="UTC")
if AUDIT_BUSINESS_ZONE not in available_timezones():
    raise ImproperlyConfigured("AUDIT_BUSINESS_ZONE must be the name of a time zone such as Europe/Vienna.")
