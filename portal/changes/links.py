"""Where an entity's pages are: the rooms above are known by their url names only."""

from django.urls import NoReverseMatch, reverse

ROOMS = {
    "tenant": "tenants",
    "merchant": "merchants",
    "merchant_user": "merchant_users",
    "connector": "connectors",
    "routing": "connectors",
}


def entity_url(kind: str, connection: str, guid: str) -> str:
    """Address of an entity's page; "" if it has none."""
    try:
        return reverse(f"{ROOMS[kind]}:page", kwargs={"connection": connection, "guid": guid}) if guid else ""
    except (KeyError, NoReverseMatch):
        return ""
