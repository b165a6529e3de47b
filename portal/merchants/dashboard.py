"""The merchants' cards of the home page: where to begin, and who cannot take payments yet."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from portal.core.context_processors import get_connections
from portal.core.dashboard import CARDS, DashboardCard
from portal.directory.completeness import get_coverage
from portal.directory.models import ListSync
from portal.directory.services import visible_entities
from provisioning.credentials.models import Connection, Credential

SHOWN = 5
# The most merchants to examine. Further unfinished merchants are found in the list.
_LOOKED_AT = 100


def beginnings(request: HttpRequest) -> Mapping[str, Any]:
    """`places`: each connection, and in words why no merchant can be made there; "" where one can."""
    active = Credential.objects.filter(state=Credential.State.ACTIVE)
    usable = set(active.values_list("connection", flat=True))
    return {
        "places": [
            {"connection": known, "hindrance": _hindrance(known, usable)}
            for known in get_connections(request)
        ]
    }


def _hindrance(connection: Connection, usable: set[int]) -> str:
    if connection.pk not in usable:
        return "has no credential"
    return "is paused" if connection.is_paused else ""


def unfinished_merchants(request: HttpRequest) -> Mapping[str, Any]:
    """`merchants`: active ones whose list of connectors was read and is empty, the newest first.

    `unread`: (connection, Coverage) where not every list was read, so that there may be more.
    """
    merchants = visible_entities(user=request.user, kind="merchant").filter(disabled=False, archived=False)
    here = {"connection": OuterRef("connection"), "guid": OuterRef("parent_guid")}
    connectors = visible_entities(user=request.user, kind="connector").filter(
        connection=OuterRef("connection"), parent_guid=OuterRef("parent_guid")
    )
    read = ListSync.objects.filter(Exists(merchants.filter(**here)), ~Exists(connectors), kind="connector")
    lists = read.filter(refreshed_at__isnull=False).values_list("connection", "parent_guid")
    empty = set(lists[:_LOOKED_AT])
    rows = merchants.filter(guid__in={guid for _slug, guid in empty}).defer("search", "fields")
    found = [row for row in rows.order_by("-created_at") if (row.connection, row.guid) in empty]
    covered = [
        (known, get_coverage(user=request.user, connection=known.slug, kind="connector"))
        for known in get_connections(request)
    ]
    unread = [(known, coverage) for known, coverage in covered if not coverage.complete]
    return {"merchants": found[:SHOWN], "more": len(found) > SHOWN, "unread": unread}


def register_dashboard_cards() -> None:
    """Add both cards."""
    CARDS.register(
        "merchants-start",
        DashboardCard(
            "merchants/home_start.html",
            access="merchant.view",
            order=20,
            context=beginnings,
        ),
    )
    CARDS.register(
        "merchants-unfinished",
        DashboardCard(
            "merchants/home_unfinished.html",
            access="connector.view",
            order=30,
            context=unfinished_merchants,
        ),
    )
