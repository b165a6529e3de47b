"""The template context of the layout: navigation, environment, request id. Two queries at most."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.core.navigation import NavGroup, get_navigation
from portal.version import VERSION
from provisioning.credentials.models import Connection
from provisioning.credentials.services import ConnectionStatus, get_connection_status

# In the session, for the sidebar only: no page decides by it where something is sent.
_LAST_VISITED = "last_connection"


def layout_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the layout. Values that cost a query are callables.

    `connection` is the connection in the address or of the object on the page, or None. `environment` is the
    same, or the only connection that there is.
    """
    return {
        "request_id": getattr(request, "request_id", ""),
        "connections": lambda: get_connections(request),
        "connection": lambda: get_connection(request),
        "environment": lambda: get_environment(request),
        "connection_status": lambda: get_page_status(request),
        "navigation": lambda: get_page_navigation(request),
        "version": VERSION,
        "idle_seconds": settings.SESSION_IDLE_SECONDS,
    }


def get_connections(request: HttpRequest) -> list[Connection]:
    """Return the connections that the user may see, read once per request; none for anonymous users."""
    known: list[Connection] | None = getattr(request, "_connections", None)
    if known is None:
        user: Any = request.user if _is_signed_in(request) else None
        rows = Connection.objects.order_by("name") if user else ()
        known = [each for each in rows if user.tenant_access.has_connection(each.slug)]
        request._connections = known  # type: ignore[attr-defined]
    return known


def is_connection_hidden(request: HttpRequest, slug: str) -> bool | None:
    """Return whether a connection exists that the user may not see; None for users with access to all."""
    user: Any = request.user
    if not _is_signed_in(request) or user.tenant_access.everywhere:
        return None
    return Connection.objects.filter(slug=slug).exists()


def show_environment(request: HttpRequest, slug: str) -> None:
    """Set the connection of the object on the page, for addresses that do not name it."""
    request._shown_connection = slug  # type: ignore[attr-defined]


def get_connection(request: HttpRequest) -> Connection | None:
    """Return the connection in the address, or that of the object on the page, or None."""
    match = request.resolver_match
    slug = match.kwargs.get("connection") if match else None
    slug = slug or getattr(request, "_shown_connection", "")
    return next((known for known in get_connections(request) if known.slug == slug), None) if slug else None


def get_page_status(request: HttpRequest) -> ConnectionStatus | None:
    """Return the current status of the page's connection: the page itself may just have changed it."""
    known = get_connection(request)
    return get_connection_status(known) if known else None


def get_environment(request: HttpRequest) -> Connection | None:
    """Return the connection of the page, or the only connection, or None."""
    known = get_connections(request)
    return get_connection(request) or (known[0] if len(known) == 1 else None)


def get_page_navigation(request: HttpRequest) -> list[NavGroup]:
    """Return the sidebar. On pages without a connection its links lead to the last one that was visited."""
    if not _is_signed_in(request):
        return []
    shown = get_environment(request)
    session: Any = getattr(request, "session", {})
    if shown is None:
        last = session.get(_LAST_VISITED)
        shown = next((known for known in get_connections(request) if known.slug == last), None)
    elif get_connection(request) and session.get(_LAST_VISITED) != shown.slug:
        session[_LAST_VISITED] = shown.slug
    return get_navigation(request, shown)


def _is_signed_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated)
