"""One person's page, and how each button on it comes back to it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.audit.history import get_history
from portal.audit.recording import origin_of
from portal.core.permissions import describe_permissions
from portal.core.view_access import refusal_noted
from portal.staff.forms import DisableForm, ReasonForm, RoleForm
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.login_throttle import locks_of
from portal.staff.mfa import second_factors_of
from portal.staff.mfa_reset_mail import resets_open
from portal.staff.models import PasswordLink, User
from portal.staff.password_links import link_terms
from portal.staff.services import StaffRefused, ValuesRefused, rights_of
from portal.staff.sessions import sessions_of
from portal.staff.tenant_access_services import places_words


def user_of(request: HttpRequest) -> User:
    """Who is signed in."""
    assert isinstance(request.user, User)  # noqa: S101 - the door lets nobody else through
    return request.user


def person_page(request: HttpRequest, person: User, *, status: int = 200, **forms: Any) -> HttpResponse:
    """The page; `forms` are those that come back with what is wrong: form, reason_form or disable_form."""
    reader = user_of(request)
    may_change = reader.pk != person.pk and reader.has_perm("staff.update")
    context = {
        "person": person,
        "link": PasswordLink.objects.filter(person=person).first(),
        "second_factors": second_factors_of(person),
        "locks": locks_of(person),
        "is_self": reader.pk == person.pk,
        "may_change": may_change,
        "rights": describe_permissions(rights_of(person)),
        "places": places_words(person),
        "history": get_history(connection="", guid=str(person.pk), kind="person", query=request.GET)
        if reader.has_perm("audit.view")
        else None,
        "provider": settings.OIDC_NAME if signs_in_elsewhere(person) else "",
        **(_steps(reader, person) | forms if may_change else {}),
    }
    return render(request, "staff/page.html", context, status=status)


def step_done(request: HttpRequest, person: User, service: Any, message: str, **values: Any) -> HttpResponse:
    """Calls a service of portal.staff.services and goes back to the person's page."""
    try:
        service(by=user_of(request), origin=origin_of(request), person=person, **values)
    except StaffRefused as refusal:
        return person_refused(request, person, refusal)
    messages.success(request, message)
    return redirect("staff:page", pk=person.pk)


def person_refused(request: HttpRequest, person: User, refusal: StaffRefused) -> HttpResponse:
    """The page again, with why nothing happened."""
    messages.error(request, refusal_words(request, refusal))
    return person_page(request, User.objects.get(pk=person.pk), status=409)


def refusal_words(request: HttpRequest, refusal: StaffRefused) -> str:
    """Why nothing happened, for the page; the door's middleware puts it on record."""
    if not isinstance(refusal, ValuesRefused):
        refusal_noted(request, f"got the answer: {refusal}")
    return str(refusal)


def _steps(reader: User, person: User) -> dict[str, Any]:
    """What an admin may do about the person, and what stands in the way."""
    reset = resets_open().filter(person=person).first()
    return {
        "form": RoleForm(initial={"role": person.role}),
        "reason_form": ReasonForm(),
        "disable_form": DisableForm(),
        "reset": reset,
        "reset_is_mine": reset is not None and reset.asked_by_id == reader.pk,
        "sessions": len(sessions_of(person)),
        "reset_hours": settings.MFA_RESET_HOURS,
        **link_terms(),
    }
