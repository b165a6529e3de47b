"""Send anchors by mail, to a mailbox that no administrator of the portal can change."""

from collections.abc import Sequence
from dataclasses import dataclass
from smtplib import SMTPException

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection

from portal.audit.forwarding.receivers import DEADLINE, Line, Undelivered

_TEXT = """The end of the portal's audit trail, as JSON lines sealed by the portal:

{lines}

Keep this email. To compare a line with the trail, now or in years:

    python manage.py verify_audit --anchor '<line>'
"""


@dataclass(frozen=True)
class Mail:
    """A mail address."""

    address: str

    def __post_init__(self) -> None:
        if not settings.MAIL_ON:
            raise ImproperlyConfigured("To send anchors by email, set the mail server in EMAIL_URL.")

    @property
    def name(self) -> str:
        """Return for example mailto:security@example.com."""
        return f"mailto:{self.address}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Send one mail with all lines."""
        text = _TEXT.format(lines="\n".join(line.text for line in lines))
        subject = f"Audit trail anchored at row {lines[-1].sequence}"
        try:
            EmailMessage(subject, text, to=[self.address], connection=get_connection(timeout=DEADLINE)).send()
        except SMTPException as error:
            raise Undelivered(f"The mail server refused the email ({type(error).__name__}).") from None
