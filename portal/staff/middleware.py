"""Access control: users reach only views that they may use. A view without declared access is refused."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
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
from portal.core.view_access import PUBLIC, SIGNED_IN, asks_step_up, get_access, get_refusal, set_refusal
from portal.form_drafts.services import OpenDraft, is_autosave, save_posted
from portal.staff.mfa import is_mfa_missing
from portal.staff.roles import get_roles_with
from portal.staff.sessions import is_navigation, is_step_up_fresh
from portal.staff.tenant_access import OUTSIDE_TENANT_ACCESS

GetResponse = Callable[[HttpRequest], HttpResponse]
# Set when a form was posted without a session and not saved: the first page after the sign-in says so.
UNSENT_COOKIE = "__Host-portal-unsent" if settings.PRODUCTION else "portal-unsent"
UNSENT = (
    "You were signed out, so your last click was not carried out. Nothing was changed by it. "
    "Do it again if you still want it."
)


class AccessMiddleware:
    """Compare the view's declared access (portal.core.view_access) with the user's permissions."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Record what was refused while the request was handled.

        For a limited user, a thing that does not exist takes as long as one outside of their tenants, so that
        neither the time nor an unwritable trail tells the two apart.
        """
        response = self.get_response(request)
        if hasattr(request, "_unsent_shown"):
            response.delete_cookie(UNSENT_COOKIE, samesite="Lax")
        refusal = get_refusal(request)
        try:
            if refusal and refusal.why:
                record_denial(request, refusal.code, refusal.why)
            elif refusal:
                check_recording()
        except AuditUnavailable:
            return unrecordable(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Return None to let the request pass, otherwise the sign-in page, 403 or 405."""
        needed = get_access(view, request)
        if needed == PUBLIC:
            return None
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        if request.COOKIES.get(UNSENT_COOKIE) and request.method == "GET" and is_navigation(request):
            messages.warning(request, UNSENT)
            request._unsent_shown = True  # type: ignore[attr-defined]
        if not getattr(view, "unenrolled", False) and is_mfa_missing(request):
            return redirect("mfa_index")
        if needed is None and isinstance(getattr(view, "access", None), dict):
            return HttpResponseNotAllowed(sorted(view.access))  # type: ignore[attr-defined]
        if needed != SIGNED_IN and not (needed in PERMISSIONS and request.user.has_perm(str(needed))):
            return deny_access(request, needed)
        asked = needs_step_up(str(needed)) or asks_step_up(view, request, kwargs)
        is_stale = asked and not is_step_up_fresh(request)
        return _ask_to_step_up(request) if is_stale else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Set the refusal of a service, which portal.core.errors shows as 403 or 404.

        Return a page saying that nothing was done if the action could not be recorded.
        """
        if isinstance(exception, PermissionDenied):
            set_refusal(request, str(exception) or "was not allowed")
        elif getattr(exception, "beyond", None) is not None and request.user.is_authenticated:
            set_refusal(request, OUTSIDE_TENANT_ACCESS if exception.beyond else "", code="beyond_reach")  # type: ignore[attr-defined]
        return unrecordable(request) if isinstance(exception, AuditUnavailable) else None


def deny_access(request: HttpRequest, needed: str | None) -> HttpResponse:
    """Record the refusal and show which permission is missing and which roles hold it.

    `needed` is a permission; None for a page that declares nothing. 503 if the refusal cannot be recorded.
    """
    words = describe_permission(needed) if needed else "use a page that declares no permission"
    try:
        record_denial(request, needed or "undeclared", f"needs the permission to {words}")
    except AuditUnavailable:
        return unrecordable(request)
    context = {"missing": words, "roles": get_roles_with(needed) if needed else [], "permission": needed}
    return render(request, "staff/denied.html", context, status=403)


def record_denial(request: HttpRequest, code: str, why: str) -> None:
    """Record the denial in the audit trail. Raises AuditUnavailable."""
    match = request.resolver_match
    recorded = denials.record_denial(
        origin=origin_of(request),
        kind=match.route if match else "",
        page=mask_keys(request.path),
        method=str(request.method),
        why=why,
        code=code,
        connection=str(match.kwargs.get("connection", "")) if match else "",
    )
    if not recorded and code == "beyond_reach":
        check_recording()  # takes as long as the event that the first ones got


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Return the redirect to the sign-in page; the click on a form that is not saved is announced as lost."""
    draft = save_posted(request)
    response = redirect_to_login(_get_return_page(request, draft))
    is_click = request.method == "POST" and is_navigation(request) and not is_autosave(request)
    if is_click and draft is None:
        secure = settings.PRODUCTION
        response.set_cookie(UNSENT_COOKIE, "1", max_age=600, httponly=True, samesite="Lax", secure=secure)
    return response


def _ask_to_step_up(request: HttpRequest) -> HttpResponse:
    """Return the redirect to the page that asks for the password again; a form that was sent is saved."""
    draft = save_posted(request)
    return redirect_to_login(_get_return_page(request, draft), reverse("account_reauthenticate"))


def _get_return_page(request: HttpRequest, draft: OpenDraft | None) -> str:
    """Return the page to come back to: the form that was sent, filled in if it keeps drafts.

    A form is not sent again after signing in.
    """
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    if draft is not None:
        return draft.url
    origin, _, path = request.META.get("HTTP_REFERER", "").partition(request.get_host())
    return path if origin == f"{request.scheme}://" and path.startswith("/") else "/"
