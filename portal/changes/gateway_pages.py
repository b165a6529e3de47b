"""The base of pages that talk to the gateway: what goes wrong there becomes a page, never a bare 500."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from portal.changes.errors import ChangeStopped, ConnectionPaused
from portal.changes.explanations import read_advice
from portal.core.errors import NotFound
from portal.core.view_access import refusal_noted
from portal.core.views import PortalView
from provisioning.gateway.errors import EntityNotFound, NotAuthorised, ProvisioningError

_LOOK_AGAIN = "Someone may have archived or moved it. Its history shows what was done in this portal."


class GatewayView(PortalView):
    """A page whose `get` and `post` may raise ProvisioningError or ChangeStopped.

    EntityNotFound → 404; other failures → changes/gateway_away.html (503; 502 for a strange answer);
    ChangeStopped → changes/action_blocked.html with its own status.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Runs the handler and turns what it raises into a page."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except EntityNotFound as error:
            raise NotFound(str(error), advice=_LOOK_AGAIN) from error
        except ProvisioningError as error:
            return gateway_away(request, error, back=self.back_url())
        except ChangeStopped as stop:
            return change_stopped(request, stop, back=self.back_url())

    def back_url(self) -> str:
        """Where "Back" and "Try again" lead: this page."""
        return self.request.get_full_path()


def gateway_away(request: HttpRequest, error: ProvisioningError, *, back: str = "") -> HttpResponse:
    """The page for a read that failed: what happened, what it means, what to do."""
    context = {
        "error": error,
        "advice": read_advice(error),
        "back": back or request.get_full_path(),
        "not_authorised": isinstance(error, NotAuthorised),
    }
    answered = error.http_status and not context["not_authorised"]
    return render(request, "changes/gateway_away.html", context, status=502 if answered else 503)


def change_stopped(request: HttpRequest, stop: ChangeStopped, *, back: str) -> HttpResponse:
    """The page for a step that could not be taken; nothing was sent."""
    stop_noted(request, stop)
    return render(request, "changes/action_blocked.html", {"stop": stop, "back": back}, status=stop.status)


def stop_noted(request: HttpRequest, stop: Exception) -> None:
    """Has it put on record that a paused connection was to be written to: an admin decided that."""
    if isinstance(stop, ConnectionPaused):
        refusal_noted(request, f"got the answer: {stop.explanation}", code="paused")
