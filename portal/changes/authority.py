"""The counter: every service asks again whether the person may, whatever the door decided."""

from contextlib import suppress

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError

from portal.audit.services import AuditUnavailable, Origin, event_record
from portal.staff.models import User

Person = User | AnonymousUser


def authorise(
    *, user: Person, permission: str, origin: Origin, connection: str = "", change_id: str = ""
) -> User:
    """The person, fresh from the database. Raises PermissionDenied, recorded, if they may not (any more)."""
    person = get_user_model().objects.filter(pk=user.pk).first() if user.pk else None
    if person is not None and person.is_active and person.has_perm(permission):
        return person
    with suppress(AuditUnavailable, DatabaseError):  # recorded or not, the answer is no
        event_record(
            action="access.denied",
            origin=origin,
            outcome="denied",
            connection=connection,
            change_id=change_id,
            message=f"{permission} is not among the person’s permissions.",
        )
    raise PermissionDenied(f"You may not do this: {permission}.")
