"""The counter: every service asks again whether the person may, whatever the door decided."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from portal.staff.models import User
from portal.staff.roles import permission_words

Person = User | AnonymousUser


def authorise(*, user: Person, permission: str) -> User:
    """The person, fresh from the database.

    Raises PermissionDenied, which the door's middleware records, if they may not (any more).
    """
    person = get_user_model().objects.filter(pk=user.pk).first() if user.pk else None
    if person is None or not person.is_active or not person.has_perm(permission):
        raise PermissionDenied(f"needs the right to {permission_words(permission)}")
    return person
