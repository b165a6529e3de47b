"""What the frame of every page needs to know: navigation, environment, request id. Two queries at most."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.core.navigation import NavGroup, get_navigation
from portal.version import VERSION
from provisioning.credentials.models import Connection
from provisioning.credentials.services import ConnectionStatus, get_connection_status

# In the session, for the sidebar only: no page decides by it where something is sent.
_LAST_VISITED = "last_connection"


def frame(request: HttpRequest) -> dict[str, Any]:
    """Template context of the layout. What costs a query is a callable, called when a template needs it.

    `connection` is the one in the address or of the object on the page, None on pages without; `environment`
    is the one to show: that, or the only one there is.
    """
    return {
        "request_id": getattr(request, "request_id", ""),
        "connections": lambda: connections_of(request),
        "connection": lambda: connection_of(request),
        "environment": lambda: environment_of(request),
        "standing": lambda: standing_of(request),
        "navigation": lambda: _navigation(request),
        "version": VERSION,
        "idle_seconds": settings.SESSION_IDLE_SECONDS,
    }


def connections_of(request: HttpRequest) -> list[Connection]:
    """The connections that the person reaches, read once per request; none for those not signed in."""
    known: list[Connection] | None = getattr(request, "_connections", None)
    if known is None:
        user: Any = request.user if _signed_in(request) else None
        rows = Connection.objects.order_by("name") if user else ()
        known = [each for each in rows if user.reach.has_connection(each.slug)]
        request._connections = known  # type: ignore[attr-defined]
    return known


def connection_beyond(request: HttpRequest, slug: str) -> bool | None:
    """Of a slug that is not among connections_of: whether it is one outside the person's reach.

    None where nobody is limited.
    """
    user: Any = request.user
    if not _signed_in(request) or user.reach.everywhere:
        return None
    return Connection.objects.filter(slug=slug).exists()


def show_environment(request: HttpRequest, slug: str) -> None:
    """Say which connection the object on the page belongs to, where the address does not name it."""
    request._shown_connection = slug  # type: ignore[attr-defined]


def connection_of(request: HttpRequest) -> Connection | None:
    """The connection in the address, or that of the object on the page; None if there is neither."""
    match = request.resolver_match
    slug = match.kwargs.get("connection") if match else None
    slug = slug or getattr(request, "_shown_connection", "")
    return next((known for known in connections_of(request) if known.slug == slug), None) if slug else None


def standing_of(request: HttpRequest) -> ConnectionStatus | None:
    """What stands in the way of the page's connection, as of now: the page may just have found it out."""
    known = connection_of(request)
    return get_connection_status(known) if known else None


def environment_of(request: HttpRequest) -> Connection | None:
    """The connection of the page, or the only one there is; None if several could be meant."""
    known = connections_of(request)
    return connection_of(request) or (known[0] if len(known) == 1 else None)


def _navigation(request: HttpRequest) -> list[NavGroup]:
    """The sidebar. On pages without a connection it leads into the one that the person visited last."""
    if not _signed_in(request):
        return []
    shown = environment_of(request)
    session: Any = getattr(request, "session", {})
    if shown is None:
        last = session.get(_LAST_VISITED)
        shown = next((known for known in connections_of(request) if known.slug == last), None)
    elif connection_of(request) and session.get(_LAST_VISITED) != shown.slug:
        session[_LAST_VISITED] = shown.slug
    return get_navigation(request, shown)


def _signed_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated)
