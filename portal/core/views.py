"""The base class of all pages, which must declare their access."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.views import View

from portal.core.context_processors import get_connections, is_connection_hidden
from portal.core.errors import NotFound


class PortalView(View):
    """A page. `access` is PUBLIC, SIGNED_IN, a permission, or a map of methods to those.

    `step_up`: users must have confirmed their identity recently, as for permissions with `step_up`
    (portal.core.permissions). It may be a function of the request and the arguments of the URL.
    `unenrolled`: open to users who still have to set up a second factor.
    `as_view()` raises ImproperlyConfigured without `access`, so that such a page fails at import.
    """

    access: ClassVar[str | dict[str, str]] = ""
    step_up: ClassVar[bool | Callable[..., bool]] = False
    unenrolled: ClassVar[bool] = False
    # No others: a method with such a name (trace, delete) must not be called by a request.
    http_method_names = ["get", "post", "head", "options"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Return the callable for urls.py, with its access for the middleware."""
        if not cls.access:
            raise ImproperlyConfigured(f"{cls.__name__} does not declare its access.")
        view = super().as_view(**initkwargs)
        view.access = cls.access  # type: ignore[attr-defined]
        view.step_up = cls.step_up  # type: ignore[attr-defined]
        view.unenrolled = cls.unenrolled  # type: ignore[attr-defined]
        return view


class ConnectionMixin(View):
    """A page below `/<connection>/`. An unknown connection is a 404 before anything else happens."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Raise NotFound for the slug of an unknown connection."""
        super().setup(request, *args, **kwargs)
        slug = kwargs["connection"]
        if slug not in {known.slug for known in get_connections(request)}:
            hidden = is_connection_hidden(request, slug)
            limited = hidden is not None
            raise NotFound(
                f"The connection “{slug}” does not exist, or it is outside your tenant access."
                if limited
                else f"There is no connection “{slug}”.",
                advice="The first part of an address names the connection. Choose one from the menu.",
                beyond=hidden,
            )
