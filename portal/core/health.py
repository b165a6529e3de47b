"""Liveness and readiness of the portal, for load balancers and containers.

Everyone sees whether it is ready. Only callers nearby and users with permission see reasons and warnings.
The checks run in a separate thread, so that the response comes within SECONDS even if one hangs.
"""

import base64
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from portal.core.shared_state import is_draining, replace_verdict
from portal.core.trusted_proxies import is_near, unknown_proxies
from portal.core.view_access import PUBLIC, allow
from portal.version import VERSION
from provisioning.encryption import validate_keys
from provisioning.registry import Registry

logger = logging.getLogger(__name__)
Check = Callable[[], None]
SECONDS = 1.5
_PENDING = f"no answer within {SECONDS:g} seconds"
_HEALTHY = bytes(16)
# While a check fails, the portal is not ready; a warning asks for attention only.
CHECKS: Registry[Check] = Registry("health checks")
WARNINGS: Registry[Check] = Registry("health warnings")


class HealthCheckError(Exception):
    """A check or a warning found a problem; the message holds no secrets."""


@dataclass
class Report:
    """The results of one round of checks, filled in by its thread. Unfinished checks are pending."""

    checks: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def is_ready(self) -> bool:
        """Whether every check finished and passed."""
        return set(self.checks.values()) == {"ok"}

    @property
    def found(self) -> dict[str, str]:
        """The warnings that need attention."""
        return {name: verdict for name, verdict in self.warnings.items() if verdict != "ok"}

    def fill(self) -> None:
        """Run the checks, and the warnings if all of them pass."""
        self.checks.update(dict.fromkeys(CHECKS, _PENDING))
        for name, check in list(CHECKS.items()):
            self.checks[name] = _run_check(check)
        if self.is_ready:
            self.warnings.update(dict.fromkeys(WARNINGS, _PENDING))
            for name, check in list(WARNINGS.items()):
                self.warnings[name] = _run_check(check)
        self.done.set()


_PROBES = ("/healthz/live", "/healthz/ready")


class HealthMiddleware:
    """Answer the probes before anything reads the Host header, the session or the database.

    Orchestrators probe by address, and a hanging database must not make a living process look dead.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer probes. Pass on other requests, and signed-in probes while the database responds."""
        probed = request.path_info
        if probed in _PROBES and request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if probed == "/healthz/live":
            return live(request)
        if probed == "/healthz/ready":
            report = request.health = _get_report()  # type: ignore[attr-defined]
            has_session = False
            with suppress(DisallowedHost):  # the session is read only for a valid Host header
                has_session = bool(request.get_host()) and settings.SESSION_COOKIE_NAME in request.COOKIES
            if not report.is_ready or is_near(request) or not has_session:
                return _answer(report, told=is_near in DETAIL_READERS and is_near(request))
        return self.get_response(request)


@allow(PUBLIC)
def live(request: HttpRequest) -> JsonResponse:
    """Return 200 as long as the process responds at all."""
    return JsonResponse({"status": "alive"})


@allow(PUBLIC)
def ready(request: HttpRequest) -> JsonResponse:
    """Return 200 if every check passes, otherwise 503, with the results for DETAIL_READERS."""
    report = getattr(request, "health", None) or _get_report()
    told = False
    with suppress(DatabaseError):  # nobody is known as a reader while the database is away
        told = any(knows(request) for knows in DETAIL_READERS)
    return _answer(report, told=told)


def _answer(report: Report, *, told: bool) -> JsonResponse:
    ready_now = report.is_ready
    body: dict[str, Any] = {"status": "ready" if ready_now else "not ready"}
    if told:
        body.update(checks=dict(report.checks), warnings=report.found, version=VERSION)
    return JsonResponse(body, status=200 if ready_now else 503)


_turn = threading.Lock()
_latest: Report | None = None


def _get_report() -> Report:
    """Return current results, after SECONDS at the latest, and log the verdict when it changes.

    Callers during a round share its results.
    """
    global _latest  # noqa: PLW0603 - one round at a time: a hanging check holds one thread, not all
    if is_draining():
        report = Report(checks={"server": "this server is shutting down"})
    elif connection.in_atomic_block:  # another thread could not see what is not committed
        report = Report()
        report.fill()
    else:
        with _turn:
            if _latest is None or _latest.done.is_set():
                _latest = Report()
                threading.Thread(target=_fill_in_thread, args=(_latest,), name="health", daemon=True).start()
            report = _latest
        report.done.wait(max(0.1, report.began + SECONDS - time.monotonic()))
    # The last verdict is that of this server. Names of checks count, not the numbers that they state.
    failed = {name: verdict for name, verdict in report.checks.items() if verdict != "ok"}
    concerns = failed or report.found
    names = f"{bool(failed)} {sorted(concerns)}".encode()
    changed = replace_verdict(hashlib.blake2b(names, digest_size=16).digest() if concerns else _HEALTHY)
    if changed:
        said = "; ".join(f"{name}: {verdict}" for name, verdict in concerns.items())
        if failed:
            logger.error("ready answers 503: %s", said)
        elif concerns:
            logger.warning("ready, with warnings: %s", said)
        else:
            logger.info("ready, without warnings")
    return report


def _fill_in_thread(report: Report) -> None:
    try:
        report.fill()
    finally:
        report.done.set()
        connections.close_all()


def _run_check(check: Check) -> str:
    try:
        check()
    except HealthCheckError as failure:
        return str(failure)
    except Exception as failure:  # a check must report, whatever breaks; only the kind is public
        return f"failed ({type(failure).__name__})"
    return "ok"


def check_database() -> None:
    """Raise DatabaseError if the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


_migrated: set[str] = set()


def check_migrations() -> None:
    """Raise HealthCheckError if migrations are missing. A process looks until it has seen all applied."""
    if connection.alias in _migrated:
        return
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise HealthCheckError("migrations are waiting: run manage.py migrate")
    _migrated.add(connection.alias)


def check_audit_keys() -> None:
    """Raise HealthCheckError, or ValueError, if an audit key is too short or is not base64."""
    for pair in settings.PORTAL_AUDIT_KEYS.split(","):
        name, _, key = pair.strip().partition(":")
        if not name or len(base64.b64decode(key, validate=True)) < 32:
            raise HealthCheckError("PORTAL_AUDIT_KEYS is not id:base64 of at least 32 bytes")


def check_proxies() -> None:
    """Raise HealthCheckError if a peer forwards requests that TRUSTED_PROXIES does not name."""
    if unknown_proxies:
        peers = ", ".join(unknown_proxies)
        raise HealthCheckError(f"X-Forwarded-… from {peers} is ignored: TRUSTED_PROXIES does not name it.")


CHECKS.register("database", check_database)
CHECKS.register("migrations", check_migrations)
CHECKS.register("encryption keys", validate_keys)
CHECKS.register("audit keys", check_audit_keys)
WARNINGS.register("proxies", check_proxies)

# A caller for whom one of these returns true sees the results and warnings.
DETAIL_READERS: list[Callable[[HttpRequest], bool]] = [is_near]
