"""The card of the home page that says how the gateways and their credentials fare."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max, Min
from django.http import HttpRequest

from portal.console.context import connections_of
from portal.console.home import HomeCard, register
from portal.directory.models import Scope
from provisioning.connections.models import Credential


def connection_health(request: HttpRequest) -> Mapping[str, Any]:
    """`rows`: connection, its active credential (or None), whether that fails, and since when it is away."""
    away = _away_since()
    active = {
        credential.connection_id: credential
        for credential in Credential.objects.filter(state="active").defer("sealed_api_key", "sealed_password")
    }
    return {
        "rows": [
            {
                "connection": known,
                "credential": active.get(known.pk),
                "failing": _fails(active.get(known.pk)),
                "away_since": away.get(known.slug),
            }
            for known in connections_of(request)
        ]
    }


def _away_since() -> dict[str, datetime]:
    """Slug → since when, of connections whose last list could not be read; older failures may be over."""
    lists = Scope.objects.values("connection").order_by()
    known = lists.annotate(read=Max("refreshed_at"), failed=Max("failed_at"), since=Min("away_since"))
    return {
        row["connection"]: row["since"]
        for row in known
        if row["since"] and row["failed"] and (row["read"] is None or row["failed"] > row["read"])
    }


def home_register() -> None:
    """Adds the card."""
    register(
        HomeCard(
            "connections",
            "connections/home_card.html",
            access="connection.view",
            order=40,
            context=connection_health,
        )
    )


def _fails(credential: Credential | None) -> bool:
    """Whether the gateway refused it the last time it said anything about it."""
    if credential is None or credential.last_failure_at is None:
        return False
    return credential.last_success_at is None or credential.last_failure_at > credential.last_success_at
