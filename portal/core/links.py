"""Addresses of entity pages, by URL name: this package does not import the apps above it."""

from collections.abc import Iterable

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from provisioning.entities import ENTITY_KINDS

# A routing document is shown with its connector.
URL_NAMESPACES = {kind: f"{kind}s" for kind in ENTITY_KINDS} | {"routing": "connectors"}
_PARENTS = {kind.kind: kind.parent for kind in ENTITY_KINDS.values()} | {
    "routing": "merchant",
    "nt_enrollment": "merchant",
}


def entity_url(kind: str, connection: str, guid: str) -> str:
    """Return the address of an entity's page, "" if it has none."""
    if not guid or kind not in URL_NAMESPACES:
        return ""
    try:
        return reverse(f"{URL_NAMESPACES[kind]}:page", kwargs={"connection": connection, "guid": guid})
    except NoReverseMatch:
        return ""


def parent_url(kind: str, connection: str, guid: str) -> str:
    """Return the address of the parent of an entity of that kind, "" if it has none."""
    return entity_url(_PARENTS.get(kind, ""), connection, guid)


def notice_with_links(text: str, links: Iterable[tuple[str, str]]) -> SafeString:
    """Return a text followed by links, given as (label, address)."""
    drawn = format_html_join(" · ", '<a href="{1}"><bdi>{0}</bdi></a>', links)
    return format_html("{} {}", text, drawn)
