"""The sidebar, and the tabs of an entity's pages. Apps register both in `AppConfig.ready`.

Users see the items and tabs that they may open.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from portal.core.view_access import SIGNED_IN
from provisioning.entities import ENTITY_KINDS
from provisioning.registry import Registry


class Section(StrEnum):
    """The parts of the sidebar. The address of a page in CONNECTION begins with the connection's slug."""

    WORK = "Work"
    CONNECTION = "Connection"
    OVERSIGHT = "Oversight"


@dataclass(frozen=True, slots=True)
class NavItem:
    """A page in the sidebar and the permission that it needs. Items with a small `order` come first.

    The item is the current one on every page of its URL namespace, except on those in `apart`.
    """

    label: str
    url_name: str
    icon: str
    section: Section
    access: str = SIGNED_IN
    apart: tuple[str, ...] = ()
    order: int = 50


@dataclass(frozen=True, slots=True)
class NavLink:
    """A NavItem or DetailTab, resolved for one user and page."""

    label: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Links below a title. `connection` is the connection that they lead to, if any."""

    title: str
    connection: Any = None
    links: list[NavLink] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DetailTab:
    """A tab of the pages of one kind of entity, at an address that takes connection and guid."""

    label: str
    url_name: str
    access: str
    order: int = 50


NAVIGATION: Registry[NavItem] = Registry("navigation items")
DETAIL_TABS: Registry[DetailTab] = Registry("tabs of detail pages")


def register_detail_tab(kind: str, name: str, tab: DetailTab) -> None:
    """Add a tab to the pages of a kind. Its view has that `tab` name. Raise KeyError for an unknown kind."""
    DETAIL_TABS.register(f"{ENTITY_KINDS[kind].kind}.{name}", tab)


def get_detail_tabs(user: Any, *, kind: str, connection: str, guid: str, current: str) -> list[NavLink]:
    """Return the tabs of one entity that the user may open, in their order."""
    tabs = [(name, tab) for name, tab in DETAIL_TABS.items() if name.startswith(f"{kind}.")]
    return [
        NavLink(tab.label, reverse(tab.url_name, args=[connection, guid]), "", name == f"{kind}.{current}")
        for name, tab in sorted(tabs, key=lambda item: item[1].order)
        if user.has_perm(tab.access)
    ]


def get_navigation(request: HttpRequest, connection: Any) -> list[NavGroup]:
    """Return the groups for the user of `request`, without the section CONNECTION if there is none."""
    groups = {
        Section.WORK: NavGroup(Section.WORK.value),
        Section.CONNECTION: NavGroup(connection.name if connection else "", connection),
        Section.OVERSIGHT: NavGroup(Section.OVERSIGHT.value),
    }
    match = request.resolver_match
    for item in sorted(NAVIGATION.values(), key=lambda item: item.order):
        in_connection = item.section == Section.CONNECTION
        if in_connection and connection is None:
            continue
        if item.access != SIGNED_IN and not request.user.has_perm(item.access):
            continue
        try:
            url = reverse(item.url_name, args=[connection.slug] if in_connection else None)
        except NoReverseMatch:
            continue
        namespace, _, name = item.url_name.rpartition(":")
        current = (
            match is not None
            and match.namespace == namespace
            and (match.view_name not in item.apart if namespace else match.view_name == name)
        )
        groups[item.section].links.append(NavLink(item.label, url, item.icon, current))
    return [group for group in groups.values() if group.links]
