"""Whether the portal lives and can work, for load balancers and containers.

Everybody is told whether it can; why not, and what somebody should look at, only who is near or may know it.
"""

import base64
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from portal.console.access import PUBLIC, allow
from portal.console.proxies import is_near
from provisioning.keyring import keys_check

Check = Callable[[], None]


class NotReadyError(Exception):
    """A check failed; the message holds no secrets."""


@allow(PUBLIC)
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "alive"})


@allow(PUBLIC)
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every check passes, 503 otherwise; with each verdict for TOLD. No warning changes it."""
    verdicts = {name: _verdict(check) for name, check in CHECKS.items()}
    whole = all(verdict == "ok" for verdict in verdicts.values())
    body: dict[str, Any] = {"status": "ready" if whole else "not ready"}
    if _is_told(request):
        warnings = {name: _verdict(check) for name, check in WARNINGS.items()} if whole else {}
        body["checks"] = verdicts
        body["warnings"] = {name: verdict for name, verdict in warnings.items() if verdict != "ok"}
    return JsonResponse(body, status=200 if whole else 503)


def _is_told(request: HttpRequest) -> bool:
    """Whoever cannot be looked up, because the database is away, is nobody."""
    try:
        return any(knows(request) for knows in TOLD)
    except DatabaseError:
        return False


def _verdict(check: Check) -> str:
    try:
        check()
    except NotReadyError as failure:
        return str(failure)
    except Exception as failure:  # a check must report, whatever breaks; only the kind is public
        return f"failed ({type(failure).__name__})"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


_migrated: set[str] = set()


def _migrations() -> None:
    """Applied migrations stay applied, so that a process looks only until it has seen them all."""
    if connection.alias in _migrated:
        return
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReadyError("migrations are waiting: run manage.py migrate")
    _migrated.add(connection.alias)


def _audit_keys() -> None:
    for pair in settings.PORTAL_AUDIT_KEYS.split(","):
        name, _, key = pair.strip().partition(":")
        if not name or len(base64.b64decode(key, validate=True)) < 32:
            raise NotReadyError("PORTAL_AUDIT_KEYS is not id:base64 of at least 32 bytes")


# Rooms above add theirs in AppConfig.ready().
CHECKS: dict[str, Check] = {
    "database": _database,
    "migrations": _migrations,
    "encryption keys": keys_check,
    "audit keys": _audit_keys,
}
# The portal works, and somebody should look nevertheless.
WARNINGS: dict[str, Check] = {}
# Who is told more than the verdict: whoever one of these says yes to.
TOLD: list[Callable[[HttpRequest], bool]] = [is_near]
