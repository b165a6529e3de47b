"""Change a user's name and email address, by another admin. Audited."""

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.audit.recording import Origin, record_event
from portal.staff.identity import person_ref
from portal.staff.models import User
from portal.staff.security_notices import notify_sign_in_change
from portal.staff.services import StaffRefused, authorise_change, lock_staff, refuse_namesake


def change_details(*, by: User, origin: Origin, person: User, **details: str) -> None:
    """Store `first_name`, `last_name`, `email`, and notify a replaced address.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        person = authorise_change(by, person)
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
            refuse_namesake(person)
        person.save(update_fields=sorted(details))
        record_event(
            action="staff.details_changed",
            origin=origin,
            object=person_ref(person),
            before=before,
            after=dict(details),
        )
        old = before.get("email", "")
        if "email" in details and old != person.email:
            what = f"email address changed to {person.email or 'none'}"
            notify_sign_in_change(person=person, what=what, by=by.called, also_to=old)
