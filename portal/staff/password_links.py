"""One-time links for setting a password: stored as a digest, one per user, deleted after use.

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
    authorise_change,
    lock_staff,
    require_another_admin,
    set_password,
)

logger = logging.getLogger(__name__)


def make_password_link(*, by: User | None, origin: Origin, person: User) -> str:
    """Create a link and return its path. It works once, for ONE_TIME_LINK_HOURS.

    The old password, open sessions and earlier links stop working. Raises StaffRefused, AuditUnavailable.
    """
    key = secrets.token_urlsafe(32)
    with transaction.atomic():
        lock_staff()
        person = authorise_change(by, person)
        if not person.is_active:
            raise StaffRefused("This person is disabled, so a link would not work. Enable them first.")
        if signs_in_elsewhere(person):
            raise StaffRefused(
                f"This person signs in through {settings.OIDC_NAME} and doesn’t need a password here."
            )
        if by is not None and person.role == ADMIN and person.has_usable_password():
            # The link may be withdrawn or expire. The console may do it: it is the last way in.
            require_another_admin(person)
        person.set_unusable_password()
        person.save(update_fields=["password"])
        PasswordLink.objects.update_or_create(
            person=person,
            defaults={
                "digest": hash_link_key(key),
                "made_at": timezone.now(),
                "expires_at": timezone.now() + timedelta(hours=settings.ONE_TIME_LINK_HOURS),
                "mailed_to": "",
            },
        )
        record_event(action="staff.password_link_made", origin=origin, object=person_ref(person))
    return reverse("staff:link_open", kwargs={"key": key})


def mail_link(*, by: User, origin: Origin, person: User, link: str) -> bool:
    """Mail a new link to the user's address; return whether the mail server accepted it.

    Raises StaffRefused where no mail is set up or the person has no address, AuditUnavailable.
    """
    if not may_mail(person):
        raise StaffRefused("The link can’t be emailed. Pass it on yourself.")
    text = render_to_string(
        "staff/link_mail.txt", {"person": person, "by": by, "link": link, **get_link_terms()}
    )
    sent = _send_mail(person, "Your access to the Provisioning Portal", text)
    with transaction.atomic():
        PasswordLink.objects.filter(person=person).update(mailed_to=person.email if sent else "")
        outcome = "success" if sent else "failed"
        record_event(
            action="staff.password_link_mailed", origin=origin, object=person_ref(person), outcome=outcome
        )
    return sent


def mail_link_notice(*, by: User, person: User) -> None:
    """Notify the user by mail of a link that an admin passes on."""
    if may_mail(person):
        text = render_to_string("staff/link_notice.txt", {"person": person, "by": by})
        _send_mail(person, "A new password for the Provisioning Portal", text)


def may_mail(person: User) -> bool:
    """Return whether mail is set up and the user has an address."""
    return bool(settings.MAIL_ON and person.email)


def get_link_terms() -> dict[str, int]:
    """Return the facts about links for pages and mails."""
    return {"hours": settings.ONE_TIME_LINK_HOURS}


def withdraw_password_link(*, by: User | None, origin: Origin, person: User) -> None:
    """Delete the open link of `person`. Raises StaffRefused if there is none, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        person = authorise_change(by, person)
        if not PasswordLink.objects.filter(person=person).delete()[0]:
            raise StaffRefused("There is no open link. It has already been used or withdrawn.")
        record_event(action="staff.password_link_withdrawn", origin=origin, object=person_ref(person))


def find_link(digest: str) -> PasswordLink | None:
    """Return the link with that digest if it is not expired and its user may sign in."""
    rows = PasswordLink.objects.select_related("person")
    link = rows.filter(digest=digest, expires_at__gt=timezone.now()).first()
    return link if link and StaffBackend().user_can_authenticate(link.person) else None


def use_link(*, origin: Origin, link: PasswordLink, password: str) -> None:
    """Set a password that has been validated and delete the link. The first of parallel uses wins.

    Raises StaffRefused if it does not work any more, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        current = find_link(link.digest)
        if current is None or not PasswordLink.objects.filter(digest=link.digest).delete()[0]:
            raise StaffRefused("This link no longer works. Ask an admin for a new one.")
        set_password(origin=origin, person=current.person, password=password)


def _send_mail(person: User, subject: str, text: str) -> bool:
    try:
        send_mail(subject, text, None, [person.email])
    except OSError:  # smtplib's errors are OSErrors, too
        logger.exception("A mail about a one-time link could not be sent.")
        return False
    return True


def hash_link_key(key: str) -> str:
    """Return the stored form of a key. It has too many bits to guess, so a fast hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()
