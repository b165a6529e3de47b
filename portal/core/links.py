"""Addresses of the pages of entities. The apps that have these pages are known by their URL names only."""

from django.urls import NoReverseMatch, reverse

from provisioning.entities import ENTITY_KINDS

# A routing document is shown with its connector.
URL_NAMESPACES = {kind: f"{kind}s" for kind in ENTITY_KINDS} | {"routing": "connectors"}
_PARENTS = {kind.kind: kind.parent for kind in ENTITY_KINDS.values()} | {
    "routing": "merchant",
    "nt_enrollment": "merchant",
}


def entity_url(kind: str, connection: str, guid: str) -> str:
    """Return the address of an entity's page; "" if it has none."""
    if not guid or kind not in URL_NAMESPACES:
        return ""
    try:
        return reverse(f"{URL_NAMESPACES[kind]}:page", kwargs={"connection": connection, "guid": guid})
    except NoReverseMatch:
        return ""


def parent_url(kind: str, connection: str, guid: str) -> str:
    """Return the address of the page of an entity's parent; "" if it has none. `kind` is the entity's own."""
    return entity_url(_PARENTS.get(kind, ""), connection, guid)
