"""What a person is called and where mail reaches them: another admin changes it. Audited."""

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.audit.recording import Origin, record_event
from portal.staff.identity import person_ref
from portal.staff.models import User
from portal.staff.security_notices import sign_in_change_tell
from portal.staff.services import StaffRefused, changeable, namesake_refuse, staff_lock


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
            sign_in_change_tell(person=person, what=what, by=by.called, also_to=old)
