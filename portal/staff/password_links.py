"""One-time links on which a person sets a password: kept as a digest, one per person, gone once used.

An invitation is the first such link of a person. Called by pages of admins, the console command and the
page behind the link (portal.staff.password_link_views).
"""

import hashlib
import logging
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from portal.audit.recording import Origin, record_event
from portal.staff.backends import StaffBackend
from portal.staff.identity import person_ref
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.models import PasswordLink, User
from portal.staff.roles import ADMIN
from portal.staff.services import (
    StaffRefused,
    another_admin_stays,
    changeable,
    password_set,
    staff_lock,
)

logger = logging.getLogger(__name__)


def password_link_make(*, by: User | None, origin: Origin, person: User) -> str:
    """The path of a page on which `person` sets a password: works once, for ONE_TIME_LINK_HOURS.

    The old password, open sessions and earlier links stop working. Raises StaffRefused, AuditUnavailable.
    """
    key = secrets.token_urlsafe(32)
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        if not person.is_active:
            raise StaffRefused("This person is disabled, so a link would not work. Enable them first.")
        if signs_in_elsewhere(person):
            raise StaffRefused(
                f"This person signs in through {settings.OIDC_NAME} and doesn’t need a password here."
            )
        if by is not None and person.role == ADMIN and person.has_usable_password():
            # The link may be withdrawn, or run out. The console may: it is the way in when nobody has one.
            another_admin_stays(person)
        person.set_unusable_password()
        person.save(update_fields=["password"])
        PasswordLink.objects.update_or_create(
            person=person,
            defaults={
                "digest": link_digest(key),
                "made_at": timezone.now(),
                "expires_at": timezone.now() + timedelta(hours=settings.ONE_TIME_LINK_HOURS),
                "mailed_to": "",
            },
        )
        record_event(action="staff.password_link_made", origin=origin, object=person_ref(person))
    return reverse("staff:link_open", kwargs={"key": key})


def link_mail(*, by: User, origin: Origin, person: User, link: str) -> bool:
    """Mails the link that was just made to the person's address; whether the mail server took it.

    Raises StaffRefused where no mail is set up or the person has no address, AuditUnavailable.
    """
    if not may_mail(person):
        raise StaffRefused("The link can’t be emailed. Pass it on yourself.")
    text = render_to_string("staff/link_mail.txt", {"person": person, "by": by, "link": link, **link_terms()})
    sent = _mailed(person, "Your access to the Provisioning Portal", text)
    with transaction.atomic():
        PasswordLink.objects.filter(person=person).update(mailed_to=person.email if sent else "")
        outcome = "success" if sent else "failed"
        record_event(
            action="staff.password_link_mailed", origin=origin, object=person_ref(person), outcome=outcome
        )
    return sent


def link_notice_mail(*, by: User, person: User) -> None:
    """Tells the person of a link that somebody else hands over, where they can be told."""
    if may_mail(person):
        text = render_to_string("staff/link_notice.txt", {"person": person, "by": by})
        _mailed(person, "A new password for the Provisioning Portal", text)


def may_mail(person: User) -> bool:
    """Whether mail is set up and the person has an address."""
    return bool(settings.MAIL_ON and person.email)


def link_terms() -> dict[str, int]:
    """What pages and mails say about links."""
    return {"hours": settings.ONE_TIME_LINK_HOURS}


def password_link_withdraw(*, by: User | None, origin: Origin, person: User) -> None:
    """Makes the open link of `person` useless. Raises StaffRefused if there is none, AuditUnavailable."""
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        if not PasswordLink.objects.filter(person=person).delete()[0]:
            raise StaffRefused("There is no open link. It has already been used or withdrawn.")
        record_event(action="staff.password_link_withdrawn", origin=origin, object=person_ref(person))


def link_of(digest: str) -> PasswordLink | None:
    """The link of that digest while it works: not expired, and its person may sign in."""
    rows = PasswordLink.objects.select_related("person")
    link = rows.filter(digest=digest, expires_at__gt=timezone.now()).first()
    return link if link and StaffBackend().user_can_authenticate(link.person) else None


def link_use(*, origin: Origin, link: PasswordLink, password: str) -> None:
    """Sets a password that was validated before, and the link is gone: the first of several uses wins.

    Raises StaffRefused if it does not work any more, AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        current = link_of(link.digest)
        if current is None or not PasswordLink.objects.filter(digest=link.digest).delete()[0]:
            raise StaffRefused("This link no longer works. Ask an admin for a new one.")
        password_set(origin=origin, person=current.person, password=password)


def _mailed(person: User, subject: str, text: str) -> bool:
    try:
        send_mail(subject, text, None, [person.email])
    except OSError:  # smtplib's errors are OSErrors, too
        logger.exception("A mail about a one-time link could not be sent.")
        return False
    return True


def link_digest(key: str) -> str:
    """How a link is kept; its key has too many bits to be guessed, so no slow hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()
