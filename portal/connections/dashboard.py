"""The cards of the home page: how the gateways and their credentials fare, and what there is to do."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest

from portal.core.context_processors import connections_of
from portal.core.dashboard import CARDS, DashboardCard
from portal.directory.models import ListSync
from provisioning.credentials.models import Credential


def connection_health(request: HttpRequest) -> Mapping[str, Any]:
    """`rows`: connection, its active credential (or None), whether that fails, and since when it is away."""
    away, active = _away_since(), _active()
    return {
        "rows": [
            {
                "connection": known,
                "credential": active.get(known.pk),
                "failing": known.pk in active and active[known.pk].suspect_since is not None,
                "away_since": away.get(known.slug),
            }
            for known in connections_of(request)
        ]
    }


def credentials_to_do(request: HttpRequest) -> Mapping[str, Any]:
    """What those who may reset credentials have to do: `suspect`, `due` and `waiting` versions."""
    reached = [known.pk for known in connections_of(request)]
    stored = _stored().filter(connection__in=reached).order_by("connection__name")
    active = list(stored.filter(state=Credential.State.ACTIVE))
    return {
        "suspect": [credential for credential in active if credential.suspect_since],
        "due": [credential for credential in active if credential.is_due and not credential.suspect_since],
        "waiting": list(stored.filter(state__in=Credential.ON_ITS_WAY)),
    }


def _stored() -> QuerySet[Credential]:
    return Credential.objects.select_related("connection").defer("sealed_api_key", "sealed_password")


def _active() -> dict[int, Credential]:
    return {found.connection_id: found for found in _stored().filter(state=Credential.State.ACTIVE)}


def _away_since() -> dict[str, datetime]:
    """Slug → since when, of connections whose last list could not be read; older failures may be over."""
    lists = ListSync.objects.values("connection").order_by()
    known = lists.annotate(read=Max("refreshed_at"), failed=Max("failed_at"), since=Min("away_since"))
    return {
        row["connection"]: row["since"]
        for row in known
        if row["since"] and row["failed"] and (row["read"] is None or row["failed"] > row["read"])
    }


def register_dashboard_cards() -> None:
    """Adds both cards."""
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
