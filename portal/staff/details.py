"""What a person is called and where mail reaches them: another admin changes it. Audited."""

import logging

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from portal.audit.services import Origin, event_record
from portal.staff.models import User
from portal.staff.people import person_ref
from portal.staff.services import StaffRefused, changeable, namesake_refuse, staff_lock

logger = logging.getLogger(__name__)


def details_change(*, by: User, origin: Origin, person: User, **details: str) -> None:
    """Stores `first_name`, `last_name`, `email`; an address that is given up hears of it.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        before = {name: getattr(person, name) for name in details}
        if details == before:
            return
        for name, value in details.items():
            setattr(person, name, value)
        try:
            person.clean_fields(exclude=["password"])
        except ValidationError as error:
            raise StaffRefused(" ".join(error.messages)) from error
        if {"first_name", "last_name"} & {name for name in details if details[name] != before[name]}:
            namesake_refuse(person)
        person.save(update_fields=sorted(details))
        event_record(
            action="staff.details_changed",
            origin=origin,
            object=person_ref(person),
            before=before,
            after=dict(details),
        )
        old = before.get("email", "")
        if old not in ("", person.email):
            transaction.on_commit(lambda: _tell(old, by, person), robust=True)


def _tell(address: str, by: User, person: User) -> None:
    if not settings.MAIL_ON:
        return
    text = render_to_string("staff/details_mail.txt", {"person": person, "by": by})
    try:
        send_mail("Your address in the Provisioning Portal", text, None, [address])
    except OSError:  # smtplib's errors are OSErrors, too
        logger.exception("A notice of a changed address could not be mailed.")
