"""Where an entity's pages are: the rooms above are known by their url names only."""

from django.urls import NoReverseMatch, reverse

ROOMS = {
    "tenant": "tenants",
    "merchant": "merchants",
    "merchant_user": "merchant_users",
    "connector": "connectors",
    "routing": "connectors",
}
_PARENTS = {
    "merchant": "tenant",
    "merchant_user": "merchant",
    "connector": "merchant",
    "routing": "merchant",
    "nt_enrollment": "merchant",
}


def entity_url(kind: str, connection: str, guid: str) -> str:
    """Address of an entity's page; "" if it has none."""
    try:
        return reverse(f"{ROOMS[kind]}:page", kwargs={"connection": connection, "guid": guid}) if guid else ""
    except (KeyError, NoReverseMatch):
        return ""


def parent_url(kind: str, connection: str, guid: str) -> str:
    """Address of the page of what an entity of that kind belongs to; "" if it has none."""
    return entity_url(_PARENTS.get(kind, ""), connection, guid)
