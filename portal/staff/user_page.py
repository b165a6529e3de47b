"""The page of a user, and how each button returns to it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.audit.history import get_history
from portal.audit.recording import origin_of
from portal.core.permissions import describe_permissions
from portal.core.view_access import set_refusal
from portal.staff.forms import DisableForm, ReasonForm, RoleForm
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.login_throttle import get_locks
from portal.staff.mfa import get_second_factors
from portal.staff.mfa_reset_mail import get_open_resets
from portal.staff.models import PasswordLink, User
from portal.staff.password_links import get_link_terms
from portal.staff.services import StaffRefused, ValuesRefused, get_permissions
from portal.staff.sessions import get_sessions
from portal.staff.tenant_access import describe_tenant_access


def get_user(request: HttpRequest) -> User:
    """Return the user who is signed in."""
    assert isinstance(request.user, User)  # noqa: S101 - the middleware refuses anonymous users
    return request.user


def render_person_page(
    request: HttpRequest, person: User, *, status: int = 200, **forms: Any
) -> HttpResponse:
    """Render the page. `forms` are those with errors: form, reason_form or disable_form."""
    reader = get_user(request)
    may_change = reader.pk != person.pk and reader.has_perm("staff.update")
    context = {
        "person": person,
        "link": PasswordLink.objects.filter(person=person).first(),
        "second_factors": get_second_factors(person),
        "locks": get_locks(person),
        "is_self": reader.pk == person.pk,
        "may_change": may_change,
        "rights": describe_permissions(get_permissions(person)),
        "places": describe_tenant_access(person),
        "history": get_history(connection="", guid=str(person.pk), kind="person", query=request.GET)
        if reader.has_perm("audit.view")
        else None,
        "provider": settings.OIDC_NAME if signs_in_elsewhere(person) else "",
        **(_steps(reader, person) | forms if may_change else {}),
    }
    return render(request, "staff/page.html", context, status=status)


def finish_step(
    request: HttpRequest, person: User, service: Any, message: str, **values: Any
) -> HttpResponse:
    """Call a service of portal.staff.services and return to the user's page."""
    try:
        service(by=get_user(request), origin=origin_of(request), person=person, **values)
    except StaffRefused as refusal:
        return render_refused(request, person, refusal)
    messages.success(request, message)
    return redirect("staff:page", pk=person.pk)


def render_refused(request: HttpRequest, person: User, refusal: StaffRefused) -> HttpResponse:
    """Show the page again with the reason."""
    messages.error(request, describe_refusal(request, refusal))
    return render_person_page(request, User.objects.get(pk=person.pk), status=409)


def describe_refusal(request: HttpRequest, refusal: StaffRefused) -> str:
    """Return the reason for the page, and have the middleware record the refusal."""
    if not isinstance(refusal, ValuesRefused):
        set_refusal(request, f"got the answer: {refusal}")
    return str(refusal)


def _steps(reader: User, person: User) -> dict[str, Any]:
    """Return the context of the actions of an admin."""
    reset = get_open_resets().filter(person=person).first()
    return {
        "form": RoleForm(initial={"role": person.role}),
        "reason_form": ReasonForm(),
        "disable_form": DisableForm(),
        "reset": reset,
        "reset_is_mine": reset is not None and reset.asked_by_id == reader.pk,
        "sessions": len(get_sessions(person)),
        "reset_hours": settings.MFA_RESET_HOURS,
        **get_link_terms(),
    }
