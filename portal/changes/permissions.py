"""The counter: every service asks again whether the person may, whatever the door decided.

Which changes somebody may know of is said here as well: changes_seen is where every page begins.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from portal.changes.models import Change
from portal.core.errors import HiddenNotFound
from portal.core.permissions import describe_permission
from portal.directory.services import find_visible_guids, refresh_list
from portal.staff.models import User
from portal.staff.tenant_access import BEYOND, reach_of

Person = User | AnonymousUser
_TAKEN_AWAY = "removeSettings"


def authorise(*, user: Person, permission: str) -> User:
    """The person, fresh from the database.

    Raises PermissionDenied, which the door's middleware records, if they may not (any more).
    """
    person = get_user_model().objects.filter(pk=user.pk).first() if user.pk else None
    if person is None or not person.is_active or not person.has_perm(permission):
        raise PermissionDenied(f"needs the permission to {describe_permission(permission)}")
    return person


def visible_changes(user: Person) -> QuerySet[Change]:
    """The changes of tenants that the person reaches; what they cannot reach does not exist for them."""
    return Change.objects.filter(reach_of(user).conditions(_of_tenants))


def change_found(user: Person, pk: uuid.UUID) -> Change:
    """The change of an address. Raises Unseen (404), the same for none and for one beyond the person."""
    found = visible_changes(user).filter(pk=pk).first()
    if found is None:
        limited = not reach_of(user).everywhere
        raise HiddenNotFound(beyond=Change.objects.filter(pk=pk).exists() if limited else None)
    return found


def change_authorise(*, user: Person, change: Change) -> User:
    """The person, who may do what the change does, where it does it. Raises PermissionDenied."""
    person = authorise(user=user, permission=change.spec.permission)
    if not visible_changes(person).filter(pk=change.pk).exists():
        raise PermissionDenied(BEYOND)
    return person


def draft_authorise(*, user: User, change: Change, payload: Mapping[str, Any]) -> None:
    """Raises PermissionDenied for a new change of, or with a reference to, what the person does not reach.

    What does not exist is out of reach as well, and free text is no reference: neither tells what exists.
    """
    if reach_of(user).everywhere:
        return
    names = {name.lower() for name in change.spec.request_references}
    wanted = {change.target, *_references(payload, names)}
    if wanted - _seen(user, change, wanted):
        raise PermissionDenied(BEYOND)


def _seen(user: User, change: Change, wanted: set[str]) -> set[str]:
    """Those that the person may know of. Connectors of the same merchant may not have been listed yet."""
    seen = find_visible_guids(user=user, connection=change.connection, guids=wanted)
    if wanted - seen and change.target in seen and change.spec.kind == "connector":
        refresh_list(connection=change.connection, kind="connector", parent=change.parent_guid)
        seen = find_visible_guids(user=user, connection=change.connection, guids=wanted)
    return seen


def _references(value: Any, names: Collection[str]) -> Iterator[str]:
    """Every text in a body that stands for an entity, but for what a setting was that is taken away."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            if name.lower() in names:
                yield from _texts(child)
            if name != _TAKEN_AWAY:
                yield from _references(child, names)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _references(child, names)


def _of_tenants(guids: Collection[str]) -> Q:
    """A tenant's own change, and what is created right below one, have it as their target."""
    return Q(tenant_guid__in=guids) | Q(target__in=guids)


def _texts(value: Any) -> Iterator[str]:
    """A GUID or several; "" is none."""
    for child in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(child, str) and child:
            yield child
