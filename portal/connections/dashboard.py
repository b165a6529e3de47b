"""Dashboard cards: the state of the gateways and their credentials, and credentials to replace."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest

from portal.core.context_processors import get_connections
from portal.core.dashboard import CARDS, DashboardCard
from portal.directory.models import ListSync
from provisioning.credentials.models import Credential


def connection_health(request: HttpRequest) -> Mapping[str, Any]:
    """Return `rows`: connection, its active credential (or None), whether it is rejected, `away_since`."""
    stored = _select_credentials().filter(state=Credential.State.ACTIVE)
    active = {credential.connection_id: credential for credential in stored}
    lists = ListSync.objects.values("connection").order_by()
    known_lists = lists.annotate(read=Max("refreshed_at"), failed=Max("failed_at"), since=Min("away_since"))
    # A connection is away if its last list could not be read; older failures may be over.
    away = {
        row["connection"]: row["since"]
        for row in known_lists
        if row["since"] and row["failed"] and (row["read"] is None or row["failed"] > row["read"])
    }
    return {
        "rows": [
            {
                "connection": known,
                "credential": active.get(known.pk),
                "failing": known.pk in active and active[known.pk].suspect_since is not None,
                "away_since": away.get(known.slug),
            }
            for known in get_connections(request)
        ]
    }


def credentials_to_do(request: HttpRequest) -> Mapping[str, Any]:
    """Return the versions that need attention: `suspect`, `due` for replacement, `waiting` for activation."""
    reached = [known.pk for known in get_connections(request)]
    stored = _select_credentials().filter(connection__in=reached).order_by("connection__name")
    active = list(stored.filter(state=Credential.State.ACTIVE))
    return {
        "suspect": [credential for credential in active if credential.suspect_since],
        "due": [credential for credential in active if credential.is_due and not credential.suspect_since],
        "waiting": list(stored.filter(state__in=Credential.ON_ITS_WAY)),
    }


def _select_credentials() -> QuerySet[Credential]:
    return Credential.objects.select_related("connection").defer("sealed_api_key", "sealed_password")


def register_dashboard_cards() -> None:
    """Register the cards of connections for the home page."""
    CARDS.register(
        "credentials",
        DashboardCard(
            "connections/home_to_do.html",
            access="credential.reset",
            order=5,
            context=credentials_to_do,
        ),
    )
    CARDS.register(
        "connections",
        DashboardCard(
            "connections/home_card.html",
            access="connection.view",
            order=40,
            context=connection_health,
        ),
    )
