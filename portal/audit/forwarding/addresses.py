"""A receiver by its address in a setting. A wrong address stops the portal from starting.

`stdout`, `file:/path`, `syslog+udp://`, `syslog+tcp://`, `syslog+tls://host:port`, `https://…`, `mailto:…`
"""

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.audit.forwarding.local import AppendedFile, StandardOutput
from portal.audit.forwarding.mail import Mail
from portal.audit.forwarding.receivers import Receiver
from portal.audit.forwarding.syslog import Syslog
from portal.audit.forwarding.webhook import Webhook

LONGEST = 200


def parse_receiver(address: str) -> Receiver:
    """Return the receiver at `address`. Raises ImproperlyConfigured without quoting possible secrets."""
    if address == "stdout":
        return StandardOutput()
    parts = _split(address)
    if parts.scheme == "file" and Path(parts.path).is_absolute() and not parts.netloc:
        return AppendedFile(Path(parts.path))
    if parts.scheme == "mailto" and "@" in parts.path:
        return Mail(parts.path)
    if parts.scheme in ("syslog+udp", "syslog+tcp", "syslog+tls") and parts.hostname:
        default = 6514 if parts.scheme == "syslog+tls" else 514
        return Syslog(parts.scheme.removeprefix("syslog+"), parts.hostname, parts.port or default)
    if parts.scheme in ("https", "http") and parts.hostname:
        return Webhook(address)
    raise ImproperlyConfigured(f"“{parts.scheme}:” is not a supported receiver of audit events.")


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise ImproperlyConfigured("The address of a receiver of audit events cannot be read.") from None
    if parts.username or parts.password or not has_port:
        raise ImproperlyConfigured(
            f"The audit receiver at {parts.hostname} must be given without user, password and port 0."
        )
    if len(address) > LONGEST:
        raise ImproperlyConfigured(f"A receiver's address is longer than {LONGEST} characters.")
    return parts
