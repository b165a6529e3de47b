"""The counter: every service asks again whether the person may, whatever the door decided.

Which changes somebody may know of is said here as well: changes_seen is where every page begins.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from portal.changes.models import Change
from portal.directory.services import entries_seen, guids_unseen
from portal.staff.models import User
from portal.staff.reach import reach_of
from portal.staff.roles import permission_words

Person = User | AnonymousUser
_BEYOND = "reached for what lies outside the tenants of the account"
# What is listed here lets a merchant user in: a limited person lists only merchants they know of.
_GRANTS = "multimerchantaccess"


def authorise(*, user: Person, permission: str) -> User:
    """The person, fresh from the database.

    Raises PermissionDenied, which the door's middleware records, if they may not (any more).
    """
    person = get_user_model().objects.filter(pk=user.pk).first() if user.pk else None
    if person is None or not person.is_active or not person.has_perm(permission):
        raise PermissionDenied(f"needs the right to {permission_words(permission)}")
    return person


def changes_seen(user: Person) -> QuerySet[Change]:
    """The changes of tenants that the person reaches; what they cannot reach does not exist for them."""
    return Change.objects.filter(reach_of(user).conditions(_of_tenants))


def change_authorise(*, user: Person, change: Change) -> User:
    """The person, who may do what the change does, where it does it. Raises PermissionDenied."""
    person = authorise(user=user, permission=change.spec.permission)
    if not changes_seen(person).filter(pk=change.pk).exists():
        raise PermissionDenied(_BEYOND)
    return person


def draft_authorise(*, user: User, change: Change, payload: Mapping[str, Any]) -> None:
    """Raises PermissionDenied for a new change of, or with a word about, what the person does not reach."""
    if reach_of(user).everywhere:
        return
    granted = {guid for name in payload if name.lower().endswith(_GRANTS) for guid in _texts(payload[name])}
    wanted = granted | {change.target}
    known = entries_seen(user=user, connection=change.connection).filter(guid__in=wanted)
    named = guids_unseen(user=user, connection=change.connection, guids=_texts(payload))
    if named or wanted - set(known.values_list("guid", flat=True)):
        raise PermissionDenied(_BEYOND)


def _of_tenants(guids: Collection[str]) -> Q:
    """A tenant's own change, and what is created right below one, have it as their target."""
    return Q(tenant_guid__in=guids) | Q(target__in=guids)


def _texts(value: Any) -> Iterator[str]:
    """Every text within a body, secrets aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _texts(child)
