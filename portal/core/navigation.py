"""The navigation as data: what the sidebar offers, to whom. An entry is shown to those who may open it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from portal.core.view_access import SIGNED_IN


@dataclass(frozen=True, slots=True)
class NavItem:
    """A place to go: url name, the permission it needs, whether its address begins with a connection.

    `namespaces` are the url namespaces in which the entry counts as the current one, but not in `apart`.
    """

    label: str
    url_name: str
    icon: str
    access: str = SIGNED_IN
    per_connection: bool = False
    namespaces: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """An Entry resolved for one person and connection."""

    label: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A titled group of links; `connection` is the one its links lead into, None for the others."""

    title: str
    links: list[Link] = field(default_factory=list)
    connection: Any = None


WORK = (
    NavItem("Home", "home", "home"),
    NavItem("Changes", "changes:list", "list-check", "change.view", namespaces=("changes",)),
)
GATEWAY = (
    NavItem("Tenants", "tenants:list", "building-bank", "tenant.view", True, ("tenants",)),
    NavItem("Merchants", "merchants:list", "building-store", "merchant.view", True, ("merchants",)),
    NavItem("Users", "merchant_users:list", "user-circle", "merchant_user.view", True, ("merchant_users",)),
    NavItem("Connectors", "connectors:list", "route", "connector.view", True, ("connectors",)),
)
OVERSIGHT = (
    NavItem("Audit trail", "audit:list", "history", "audit.view", namespaces=("audit",)),
    NavItem(
        "Connections",
        "connections:list",
        "plug-connected",
        "connection.view",
        namespaces=("connections",),
    ),
    NavItem(
        "Staff",
        "staff:list",
        "users",
        "staff.view",
        namespaces=("staff",),
        apart=("staff:profile", "staff:sessions"),
    ),
)
ENTRIES: tuple[NavItem, ...] = (*WORK, *GATEWAY, *OVERSIGHT)


def navigation_for(request: HttpRequest, connection: Any) -> list[Group]:
    """The groups for the person of `request`; the gateway's entries lead into `connection`, if any."""
    groups = [Group("Work", _links(WORK, request, None))]
    if connection is not None:
        groups.append(Group(connection.name, _links(GATEWAY, request, connection), connection))
    groups.append(Group("Oversight", _links(OVERSIGHT, request, None)))
    return [group for group in groups if group.links]


def _links(entries: Sequence[NavItem], request: HttpRequest, connection: Any) -> list[Link]:
    return list(_resolved(entries, request, connection))


def _resolved(entries: Sequence[NavItem], request: HttpRequest, connection: Any) -> Iterator[Link]:
    for entry in entries:
        if entry.access != SIGNED_IN and not request.user.has_perm(entry.access):
            continue
        try:
            url = reverse(entry.url_name, args=[connection.slug] if entry.per_connection else None)
        except NoReverseMatch:
            continue
        yield Link(entry.label, url, entry.icon, _is_current(entry, request))


def _is_current(entry: NavItem, request: HttpRequest) -> bool:
    match = request.resolver_match
    if match is None or match.view_name in entry.apart:
        return False
    return match.view_name == entry.url_name or match.namespace in entry.namespaces
