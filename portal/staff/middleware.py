"""The door: nobody reaches a view that they may not use, and a view that declares nothing opens to nobody."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.audit import denials
from portal.audit.recording import AuditUnavailable, check_recording, origin_of
from portal.core.errors import unrecordable
from portal.core.logs import mask_keys
from portal.core.permissions import PERMISSIONS, describe_permission, needs_step_up
from portal.core.view_access import PUBLIC, SIGNED_IN, access_of, refusal_noted, refusal_of, step_up_of
from portal.form_drafts.services import save_posted
from portal.staff.mfa import second_factor_missing
from portal.staff.roles import get_roles_with
from portal.staff.sessions import step_up_is_fresh
from portal.staff.tenant_access import BEYOND

GetResponse = Callable[[HttpRequest], HttpResponse]


class AccessMiddleware:
    """Compares what the view declares (portal.core.view_access) with what the person's role holds."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Puts on record what was refused on the way: by the portal's rules, or for want of reach."""
        response = self.get_response(request)
        try:
            _refusal_record(request)
        except AuditUnavailable:
            return unrecordable(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """None lets the request pass; otherwise the sign-in page, 403 or 405."""
        needed = access_of(view, request)
        if needed == PUBLIC:
            return None
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if not getattr(view, "unenrolled", False) and second_factor_missing(request):
            return redirect("mfa_index")
        if needed is None and isinstance(getattr(view, "access", None), dict):
            return HttpResponseNotAllowed(sorted(view.access))  # type: ignore[attr-defined]
        if needed == SIGNED_IN or (needed in PERMISSIONS and request.user.has_perm(str(needed))):
            asked = needs_step_up(str(needed)) or step_up_of(view, request, kwargs)
            return _step_up_first(request) if asked else None
        return access_denied(request, needed)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Notes what a service refused behind the door (the 403 and 404 pages are the frame's).

        Tells the person that nothing was done where it could not be put on record.
        """
        if isinstance(exception, PermissionDenied):
            refusal_noted(request, str(exception) or "was not allowed")
        elif getattr(exception, "beyond", None) is not None and request.user.is_authenticated:
            refusal_noted(request, BEYOND if exception.beyond else "", code="beyond_reach")  # type: ignore[attr-defined]
        return unrecordable(request) if isinstance(exception, AuditUnavailable) else None


def access_denied(request: HttpRequest, needed: str | None) -> HttpResponse:
    """Records the refusal and says in plain words which right is missing and who has it.

    `needed` is a permission; None for a page that declares nothing. 503 if the refusal cannot be recorded.
    """
    words = describe_permission(needed) if needed else "use a page that does not say who may use it"
    try:
        denial_record(request, needed or "undeclared", f"needs the permission to {words}")
    except AuditUnavailable:
        return unrecordable(request)
    context = {"missing": words, "roles": get_roles_with(needed) if needed else [], "permission": needed}
    return render(request, "staff/denied.html", context, status=403)


def _refusal_record(request: HttpRequest) -> None:
    """Records what was noted while the request was answered. Raises AuditUnavailable.

    What does not exist costs a limited person as much as what lies beyond them: neither time nor a trail that
    cannot be written tells the two apart.
    """
    noted = refusal_of(request)
    if noted and noted.why:
        denial_record(request, noted.code, noted.why)
    elif noted:
        check_recording()


def denial_record(request: HttpRequest, code: str, why: str) -> None:
    """Writes the denial into the audit trail. Raises AuditUnavailable."""
    match = request.resolver_match
    recorded = denials.record_denial(
        origin=origin_of(request),
        kind=match.route if match else "",
        page=mask_keys(request.path),
        method=str(request.method),
        why=why,
        code=code,
        connection=_connection(request),
    )
    if not recorded and code == "beyond_reach":
        check_recording()  # takes as long as the event that the first ones got


def _connection(request: HttpRequest) -> str:
    match = request.resolver_match
    return str(match.kwargs.get("connection", "")) if match else ""


def _step_up_first(request: HttpRequest) -> HttpResponse | None:
    """Where password or passkey are asked for again, if that was too long ago."""
    if step_up_is_fresh(request):
        return None
    return redirect_to_login(_wanted(request), reverse("account_reauthenticate"))


def _wanted(request: HttpRequest) -> str:
    """The page to come back to: the form that was sent, filled in if it keeps drafts."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    draft = save_posted(request) if request.method == "POST" else None
    if draft is not None:
        return draft.url
    origin, _, path = request.META.get("HTTP_REFERER", "").partition(request.get_host())
    return path if origin == f"{request.scheme}://" and path.startswith("/") else "/"


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Back to the wanted page after sign-in; a form that was sent is not sent again."""
    return redirect_to_login(_wanted(request))
