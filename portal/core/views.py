"""The base of every page: it does not exist without a declared access."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.views import View

from portal.core.context_processors import connection_beyond, connections_of
from portal.core.errors import NotFound


class PortalView(View):
    """A page. `access` is PUBLIC, SIGNED_IN, a permission, or a map of methods to those.

    `step_up`: only for those who gave their password or passkey a short while ago; the rights in
    portal.staff.roles.STEP_UP ask for that in any case. A function of the request and what the address names
    says it where that depends. `unenrolled`: open before somebody who must have a
    second factor has one.
    `as_view()` raises ImproperlyConfigured without it, so an undeclared page fails when urls are imported.
    """

    access: ClassVar[str | dict[str, str]] = ""
    step_up: ClassVar[bool | Callable[..., bool]] = False
    unenrolled: ClassVar[bool] = False
    # No others: a method of a page that happens to be called like one (trace, delete) must not be reached.
    http_method_names = ["get", "post", "head", "options"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """The callable for urls.py, carrying its access for the door."""
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
        if slug not in {known.slug for known in connections_of(request)}:
            raise NotFound(
                f"There is no connection “{slug}”.",
                advice="The first part of an address names the connection. Choose one from the menu.",
                beyond=connection_beyond(request, slug),
            )
