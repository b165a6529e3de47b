"""Where the pages are of everything that an event names; each link only for those who may follow it."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from portal.audit.models import Event
from portal.core.links import entity_url, parent_url

# What the explorer can be narrowed to from an event: the link's name, its filter and the event's column.
_NARROWED = (
    ("address_events", "address", "address"),
    ("request_events", "change", "request_id"),
    ("group_events", "group", "group_id"),
    ("connection_events", "connection", "connection"),
)
# Of objects that are no entities of a gateway: the kind, its page, and the right to open that.
_OBJECT_PAGES = {
    "person": ("staff:page", "staff.view"),
    "role": ("staff:own_role", "role.update"),
    "connection": ("connections:page", "connection.view"),
    "day": ("audit:review_day", "audit.view"),
}


def get_event_links(event: Event, request: HttpRequest) -> dict[str, str]:
    """Name → address for actor, object, parent, connection, change and the explorer narrowed to each; "" for
    what has no page or may not be opened by the person."""
    may = request.user.has_perm
    links = {
        "actor": _page("staff:page", event.actor_id) if may("staff.view") else "",
        "object": _object_url(event, request),
        "parent": parent_url(event.object_kind, event.connection, event.parent_guid),
        "connection": _page("connections:page", event.connection) if may("connection.view") else "",
        "change": _page("changes:page", event.change_id) if may("change.view") else "",
    }
    for name, asked, column in _NARROWED:
        value = getattr(event, column)
        links[name] = _explorer({asked: value})
    links["actor_events"] = _explorer(
        {"person": event.actor_id} if event.actor_id else {"actor": event.actor_name}
    )
    links["object_events"] = _object_events(event)
    return links


def _object_events(event: Event) -> str:
    """Return the address of an object's events; for objects at a gateway including those that belong to it.

    The portal's own objects have numbers, which are unique only within their kind.
    """
    if not event.object_guid:
        return ""
    where = {"connection": event.connection} if event.connection else {"kind": event.object_kind}
    return _explorer({"guid": event.object_guid, **where})


def _explorer(asked: dict[str, Any]) -> str:
    return f"{reverse('audit:list')}?{urlencode(asked)}" if all(asked.values()) else ""


def _object_url(event: Event, request: HttpRequest) -> str:
    page, right = _OBJECT_PAGES.get(event.object_kind, ("", ""))
    if page:
        return _page(page, event.object_guid) if request.user.has_perm(right) else ""
    return entity_url(event.object_kind, event.connection, event.object_guid)


def _page(name: str, key: Any) -> str:
    try:
        return reverse(name, args=[key]) if key else ""
    except NoReverseMatch:
        return ""
