"""Saved filters of the explorer: a person's own, and those that a manager shares with everybody of a role."""

from dataclasses import replace
from datetime import UTC
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.http import urlencode

from portal.audit.filters import TIMES, EventFilter, parse_filters
from portal.audit.models import SavedFilter
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.search import select_events
from portal.core.datetimes import get_time_zone

MOST = 50  # of one person, and shared with one role


class FilterRefused(Exception):  # noqa: N818 - reads as what happened
    """The filter cannot be saved so; the text says why, for people."""


def get_filters(user: Any) -> QuerySet[SavedFilter]:
    """Return the filters that the user may open, by name: their own and those shared with their role."""
    shared = Q(role=user.role) & ~Q(role="")
    return SavedFilter.objects.filter(Q(owner=user) | shared).select_related("owner").order_by("name", "pk")


def get_roles_to_share_with() -> list[str]:
    """Return the roles that may read the trail."""
    readers = Group.objects.filter(permissions__codename="view", permissions__content_type__app_label="audit")
    return list(readers.order_by("name").values_list("name", flat=True))


def describe_filter(saved: SavedFilter) -> str:
    """Return the filter in words."""
    return _wanted(saved.query).said


def with_time_zone(wanted: EventFilter, by: Any) -> EventFilter:
    """Return the filter with its time zone, so that users in other zones find the same events."""
    if not wanted.values.keys() & set(TIMES) or "zone" in wanted.values:
        return wanted
    zone = str(get_time_zone(getattr(by, "timezone", "")))
    return replace(wanted, values={**wanted.values, "zone": zone})


def save_filter(*, by: Any, origin: Origin, name: str, query: str, role: str = "") -> SavedFilter:
    """Save a filter under a name, and share it if a role is given. Its days are those of the saver's zone.

    Raises FilterRefused, PermissionDenied for sharing without the right, AuditUnavailable.
    """
    wanted = with_time_zone(_wanted(query), by)
    asked = wanted.values
    if not asked:
        raise FilterRefused("There is no filter to save. Choose a filter first, then give it a name.")
    if problems := select_events(wanted).problems:
        raise FilterRefused(f"This filter has errors: {' '.join(problems.values())}")
    if SavedFilter.objects.filter(owner=by).count() >= MOST:
        raise FilterRefused(f"You already have {MOST} saved filters. Delete one first.")
    with transaction.atomic():
        saved = _save_unique(SavedFilter(owner=by, name=name, query=urlencode(asked)))
        if role:
            share_filter(by=by, origin=origin, saved=saved, role=role)
    return saved


def share_filter(*, by: Any, origin: Origin, saved: SavedFilter, role: str) -> None:
    """Share a filter with a role, or stop sharing it for "". This is recorded, because others see it.

    Raises FilterRefused, PermissionDenied, AuditUnavailable.
    """
    _authorise(by, saved, sharing=True)
    if role == saved.role:
        return
    if role and role not in get_roles_to_share_with():
        raise FilterRefused("This role does not have access to the audit trail.")
    if role and SavedFilter.objects.filter(role=role).count() >= MOST:
        raise FilterRefused(f"{MOST} filters are already shared with this role. Stop sharing one first.")
    with transaction.atomic():
        before, saved.role = saved.role, role
        saved.save(update_fields=["role"])
        _record("filter.shared" if role else "filter.withdrawn", origin, saved, role or before)


def rename_filter(*, by: Any, origin: Origin, saved: SavedFilter, name: str) -> None:
    """Rename a filter. Raises FilterRefused for a name in use, PermissionDenied, AuditUnavailable."""
    _authorise(by, saved, sharing=bool(saved.role))
    before, saved.name = saved.name, name
    with transaction.atomic():
        _save_unique(saved)
        if saved.role:
            _record("filter.renamed", origin, saved, saved.role, was=before)


def delete_filter(*, by: Any, origin: Origin, saved: SavedFilter) -> None:
    """Delete a filter, also for those it is shared with. Raises PermissionDenied, AuditUnavailable."""
    _authorise(by, saved, sharing=bool(saved.role))
    with transaction.atomic():
        if saved.role:
            _record("filter.withdrawn", origin, saved, saved.role)
        saved.delete()


def withdraw_filters(*, origin: Origin, role: str) -> None:
    """Stop sharing filters with a role that is deleted, and record each."""
    for saved in SavedFilter.objects.filter(role=role).order_by("pk"):
        saved.role = ""
        saved.save(update_fields=["role"])
        _record("filter.withdrawn", origin, saved, role)


def _authorise(by: Any, saved: SavedFilter, *, sharing: bool) -> None:
    """Allow the owner, or for a shared filter everyone who may share. Raises PermissionDenied."""
    owns, shares = saved.owner_id == by.pk, by.has_perm("audit.share_filter")
    if not (shares if sharing and (owns or saved.role) else owns):
        raise PermissionDenied("may not change this saved filter")


def _save_unique(saved: SavedFilter) -> SavedFilter:
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise FilterRefused(f"A filter named “{saved.name}” already exists. Choose another name.") from error
    return saved


def _record(action: str, origin: Origin, saved: SavedFilter, role: str, *, was: str = "") -> None:
    record_event(
        action=action,
        origin=origin,
        object=ObjectRef("filter", str(saved.pk), saved.name),
        message=f"{role}, {describe_filter(saved)}",
        before={"name": was} if was else None,
        after={"name": saved.name} if was else None,
    )


def _wanted(query: str) -> EventFilter:
    return parse_filters(QueryDict(query[:4000]), UTC)
