"""Keep a form that was refused or failed, and discard the draft of one that was accepted."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from portal.form_drafts.services import TOKEN, close_draft, is_autosave, save_posted, take_over_draft

GetResponse = Callable[[HttpRequest], HttpResponse]


class FormDraftMiddleware:
    """Check the responses to posted forms that carry a draft token."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Let the draft name the form that is sent: a server that is killed cannot do it afterwards."""
        if request.method == "POST" and hasattr(request, "_post") and TOKEN in request.POST:
            with suppress(DatabaseError):
                take_over_draft(request)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, whatever fails here."""
        response = self.get_response(request)
        # What was not read as a form is not read now: it may be what was refused.
        if request.method != "POST" or not hasattr(request, "_post") or TOKEN not in request.POST:
            return response
        if is_autosave(request):
            return response
        if response.status_code >= 400:
            # A view that knows what became of the form has saved it already. After a failure the portal may
            # have sent it.
            save_posted(request, uncertain=response.status_code >= 500)
        elif not hasattr(request, "_saved_draft"):
            try:
                close_draft(request, led_to=response.get("Location", ""))
            except DatabaseError:
                return response
        return response
