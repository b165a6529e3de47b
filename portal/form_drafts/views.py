"""Save a draft while the user types, discard one, and show the page of a form without a valid token."""

import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from portal.core import errors
from portal.core.datetimes import get_time_zone
from portal.core.view_access import PUBLIC, SIGNED_IN, allow
from portal.core.views import PortalView
from portal.form_drafts.services import autosave, discard_draft, find_result, save_posted


class SaveDraft(PortalView):
    """POST /drafts/save/: what a page sends while the user types."""

    access = SIGNED_IN
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Answer when it was saved, or 409 if it could not be; `submitted` is where an accepted form led."""
        draft = autosave(request)
        if draft is None:
            result = find_result(request)
            return JsonResponse({"submitted": result} if result else {}, status=409)
        zone = get_time_zone(getattr(request.user, "timezone", ""))
        return JsonResponse({"saved": timezone.localtime(draft.saved_at, zone).strftime("%H:%M")})


class DiscardDraft(PortalView):
    """Discard an unsent form."""

    access = SIGNED_IN
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Go to the empty form, or home if the person came from there or there is no such draft."""
        path = discard_draft(request.user.pk, pk)
        return redirect(path if path and request.POST.get("stay") == "1" else "home")


@allow(PUBLIC)
def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without a valid token; what was typed is kept if the form kept drafts."""
    request.kept_form = save_posted(request)  # type: ignore[attr-defined]
    return errors.form_expired(request, reason)
