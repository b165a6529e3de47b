"""Dashboard cards: where to start, and merchants that cannot take payments yet."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from portal.core.context_processors import get_connections
from portal.core.dashboard import CARDS, DashboardCard
from portal.directory.completeness import get_coverage
from portal.directory.models import ListSync
from portal.directory.services import visible_entities
from provisioning.credentials.models import Credential

SHOWN = 5
# The most merchants to examine. Further unfinished merchants are found in the list.
_EXAMINED = 100


def starting_points(request: HttpRequest) -> Mapping[str, Any]:
    """Return `places`: each connection, and why no merchant can be created there; "" if it can."""
    active = Credential.objects.filter(state=Credential.State.ACTIVE)
    usable = set(active.values_list("connection", flat=True))
    places = []
    for connection in get_connections(request):
        obstacle = "is paused" if connection.is_paused else ""
        if connection.pk not in usable:
            obstacle = "has no credential"
        places.append({"connection": connection, "obstacle": obstacle})
    return {"places": places}


def unfinished_merchants(request: HttpRequest) -> Mapping[str, Any]:
    """Return `merchants`: active merchants whose list of connectors was read and is empty, newest first.

    `unread`: (connection, Coverage) if some lists were not read, so that there may be more.
    """
    merchants = visible_entities(user=request.user, kind="merchant").filter(disabled=False, archived=False)
    here = {"connection": OuterRef("connection"), "guid": OuterRef("parent_guid")}
    connectors = visible_entities(user=request.user, kind="connector").filter(
        connection=OuterRef("connection"), parent_guid=OuterRef("parent_guid")
    )
    read = ListSync.objects.filter(Exists(merchants.filter(**here)), ~Exists(connectors), kind="connector")
    lists = read.filter(refreshed_at__isnull=False).values_list("connection", "parent_guid")
    empty = set(lists[:_EXAMINED])
    rows = merchants.filter(guid__in={guid for _slug, guid in empty}).defer("search", "fields")
    found = [row for row in rows.order_by("-created_at") if (row.connection, row.guid) in empty]
    covered = [
        (known, get_coverage(user=request.user, connection=known.slug, kind="connector"))
        for known in get_connections(request)
    ]
    unread = [(known, coverage) for known, coverage in covered if not coverage.complete]
    return {"merchants": found[:SHOWN], "more": len(found) > SHOWN, "unread": unread}


def register_dashboard_cards() -> None:
    """Register the cards of merchants for the home page."""
    CARDS.register(
        "merchants-start",
        DashboardCard(
            "merchants/home_start.html",
            access="merchant.view",
            order=20,
            context=starting_points,
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
