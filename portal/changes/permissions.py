"""Who may see and make changes. Services authorise again, whatever the page decided.

Every query for changes on a page starts at `visible_changes`.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.urls import ResolverMatch

from portal.changes.models import Change, State
from portal.core.errors import HiddenNotFound
from portal.core.permissions import describe_permission
from portal.directory.services import find_visible_guids, refresh_list
from portal.staff.models import User
from portal.staff.tenant_access import OUTSIDE_TENANT_ACCESS, get_tenant_access

Person = User | AnonymousUser
_REMOVED_SETTINGS = "removeSettings"


def authorise(*, user: Person, permission: str) -> User:
    """Return the user, fresh from the database.

    Raises PermissionDenied, which the access middleware records, if the user may not (any more).
    """
    person = get_user_model().objects.filter(pk=user.pk).first() if user.pk else None
    if person is None or not person.is_active or not person.has_perm(permission):
        raise PermissionDenied(f"needs the permission to {describe_permission(permission)}")
    return person


def visible_changes(user: Person) -> QuerySet[Change]:
    """Return the changes of the tenants to which the user has access, and those of a tenant itself."""
    within = get_tenant_access(user).conditions(lambda guids: Q(tenant_guid__in=guids) | Q(target__in=guids))
    return Change.objects.filter(within)


def get_change(user: Person, pk: uuid.UUID) -> Change:
    """Return the change of an address. Raises HiddenNotFound (404), the same for none and for no access."""
    found = visible_changes(user).filter(pk=pk).first()
    if found is None:
        limited = not get_tenant_access(user).everywhere
        raise HiddenNotFound(beyond=Change.objects.filter(pk=pk).exists() if limited else None)
    return found


def authorise_change(*, user: Person, change: Change) -> User:
    """Return the user, fresh from the database. Raises PermissionDenied if they may not make this change."""
    person = authorise(user=user, permission=change.spec.permission)
    if not visible_changes(person).filter(pk=change.pk).exists():
        raise PermissionDenied(OUTSIDE_TENANT_ACCESS)
    return person


def authorise_new_change(*, user: User, change: Change, payload: Mapping[str, Any]) -> None:
    """Raise PermissionDenied if a new change concerns, or refers to, an entity outside the user's tenants.

    Entities that do not exist are refused in the same way, and free text is not a reference: neither reveals
    what exists.
    """
    if get_tenant_access(user).everywhere:
        return
    names = {name.lower() for name in change.spec.request_references}
    wanted = {change.target, *_find_references(payload, names)}
    visible = find_visible_guids(user=user, connection=change.connection, guids=wanted)
    if wanted - visible and change.target in visible and change.spec.kind == "connector":
        # Connectors of the same merchant may not have been listed yet.
        refresh_list(connection=change.connection, kind="connector", parent=change.parent_guid)
        visible = find_visible_guids(user=user, connection=change.connection, guids=wanted)
    if wanted - visible:
        raise PermissionDenied(OUTSIDE_TENANT_ACCESS)


def may_have_sent_form(user_id: Any, nonce: str, since: datetime) -> bool:
    """Return whether the user sent a change from this opened form after `since`, and it may have effect."""
    sent = Change.objects.filter(actor_id=user_id, form_nonce=nonce, intent_at__gte=since)
    return bool(nonce) and sent.exclude(state__in=(State.REFUSED, State.NOT_SENT)).exists()


def may_open_form(user: Person, match: ResolverMatch, query: QueryDict) -> bool:
    """Return whether a page has a form for this user: it is of a change or an entity that the user may see.

    `match` and `query` are those of the page's address. Other pages are open as far as this check knows.
    """
    if match.namespace == "changes" and "pk" in match.kwargs:
        change = visible_changes(user).filter(pk=match.kwargs["pk"]).first()
        if change is None or not user.has_perm(change.spec.permission):
            return False
        if change.state == State.PREPARED:
            return bool(change.actor_id == user.pk)
        closable = change.state in (State.UNKNOWN, State.NOT_FOUND)
        return closable or (change.state == State.ACCEPTED and bool(change.inquiry))
    connection = match.kwargs.get("connection")
    access = get_tenant_access(user)
    if connection is None or access.everywhere:
        return True
    guids = {guid for guid in (match.kwargs.get("guid"), query.get("tenant")) if guid}
    return access.has_connection(connection) and guids == find_visible_guids(
        user=user, connection=connection, guids=guids
    )


def _find_references(value: Any, names: Collection[str]) -> Iterator[str]:
    """Yield every guid of an entity in a body, except in settings that are removed."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            if name.lower() in names:
                guids = child if isinstance(child, (list, tuple)) else [child]
                yield from (guid for guid in guids if isinstance(guid, str) and guid)
            if name != _REMOVED_SETTINGS:
                yield from _find_references(child, names)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _find_references(child, names)
