"""The page of a user, and what each of its buttons does."""

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from portal.audit.history import get_history
from portal.audit.recording import origin_of
from portal.core.permissions import describe_permissions
from portal.core.templatetags.portal import badge
from portal.core.view_access import set_refusal
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.forms import DetailsForm, DisableForm, ReasonForm, RoleForm
from portal.staff.identity import get_user, signs_in_elsewhere
from portal.staff.login_throttle import get_locks
from portal.staff.mfa import get_second_factors
from portal.staff.mfa_resets import (
    approve_mfa_reset,
    get_open_resets,
    request_mfa_reset,
    withdraw_mfa_reset,
)
from portal.staff.models import PasswordLink, User
from portal.staff.services import (
    StaffRefused,
    ValuesRefused,
    change_details,
    change_role,
    disable_user,
    enable_user,
    get_permissions,
    sign_out_user,
    unlock_user,
)
from portal.staff.sessions import get_sessions
from portal.staff.tenant_access import describe_tenant_access


def render_status(user: User) -> SafeString:
    """Return badges that say whether a user can sign in."""
    link = getattr(user, "password_link", None)
    states = ["active"]
    if not user.is_active:
        states = ["disabled"]
    elif link and user.last_login:
        states = ["active", "link_open"]
    elif link:
        states = ["invited" if link.is_open else "invitation_ended"]
    badges = [badge(state) for state in states]
    if user.is_demo:
        badges.append(badge("Demo", "blue"))
    return format_html_join(" ", "{}", ((each,) for each in badges))


def render_user_page(request: HttpRequest, user: User, *, status: int = 200, **forms: Any) -> HttpResponse:
    """Render the page. `forms` are those with errors: form, reason_form or disable_form."""
    reader = get_user(request)
    is_self = reader.pk == user.pk
    context: dict[str, Any] = {
        "person": user,
        "link": PasswordLink.objects.filter(person=user).first(),
        "status_badges": render_status(user),
        "second_factors": get_second_factors(user),
        "locks": get_locks(user),
        "is_self": is_self,
        "may_change": not is_self and reader.has_perm("staff.update"),
        "rights": describe_permissions(get_permissions(user)),
        "places": describe_tenant_access(user),
        "history": get_history(connection="", guid=str(user.pk), kind="person", query=request.GET)
        if reader.has_perm("audit.view")
        else None,
        "provider": settings.OIDC_NAME if signs_in_elsewhere(user) else "",
    }
    if context["may_change"]:  # the buttons of an admin
        reset = get_open_resets().filter(person=user).first()
        context |= {
            "form": RoleForm(initial={"role": user.role}),
            "reason_form": ReasonForm(),
            "disable_form": DisableForm(),
            "reset": reset,
            "reset_is_mine": reset is not None and reset.asked_by_id == reader.pk,
            "sessions": len(get_sessions(user)),
            "reset_hours": settings.MFA_RESET_HOURS,
            "hours": settings.ONE_TIME_LINK_HOURS,
            **forms,
        }
    return render(request, "staff/page.html", context, status=status)


def finish_step(request: HttpRequest, user: User, service: Any, message: str, **values: Any) -> HttpResponse:
    """Call a service of portal.staff.services and return to the user's page."""
    try:
        service(by=get_user(request), origin=origin_of(request), user=user, **values)
    except StaffRefused as refusal:
        return render_refused(request, user, refusal)
    messages.success(request, message)
    return redirect("staff:page", pk=user.pk)


def render_refused(request: HttpRequest, user: User, refusal: StaffRefused) -> HttpResponse:
    """Show the page again with the reason."""
    record_refusal(request, refusal)
    messages.error(request, str(refusal))
    return render_user_page(request, User.objects.get(pk=user.pk), status=409)


def record_refusal(request: HttpRequest, refusal: StaffRefused) -> None:
    """Have the middleware record the refusal, unless it is only about the values of the form."""
    if not isinstance(refusal, ValuesRefused):
        set_refusal(request, f"got the answer: {refusal}")


class UserView(PortalView):
    """/staff/<id>/: one user, with the actions of an admin."""

    access = "staff.view"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the page of one user."""
        return render_user_page(request, get_object_or_404(User, pk=pk))


class DetailsView(PortalView):
    """/staff/<id>/details/: the name and email of another user; the username stays."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the user's details."""
        user = get_object_or_404(User, pk=pk)
        return self._page(request, user, drafted(request, partial(DetailsForm, instance=user)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Store the values, or show the form again."""
        user = get_object_or_404(User, pk=pk)
        form = DetailsForm(request.POST, instance=User.objects.get(pk=pk))
        if not form.is_valid():
            return self._page(request, user, form, 422)
        return finish_step(request, user, change_details, "Name and email saved.", **form.cleaned_data)

    def _page(self, request: HttpRequest, user: User, form: DetailsForm, status: int = 200) -> HttpResponse:
        return render(request, "staff/user_details.html", {"person": user, "form": form}, status=status)


class RoleView(PortalView):
    """/staff/<id>/role/: give the user another role."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the role, or show the form again."""
        user, form = get_object_or_404(User, pk=pk), RoleForm(request.POST)
        if not form.is_valid():
            return render_user_page(request, user, status=422, form=form)
        return finish_step(request, user, change_role, f"Role of {user.called} changed.", **form.cleaned_data)


class DisableView(PortalView):
    """/staff/<id>/disable/: disable the user."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Disable the user, or ask for the reason."""
        user, form = get_object_or_404(User, pk=pk), DisableForm(request.POST)
        if not form.is_valid():
            return render_user_page(request, user, status=422, disable_form=form)
        said = f"{user.called} was disabled and signed out."
        return finish_step(request, user, disable_user, said, **form.cleaned_data)


class EnableView(PortalView):
    """/staff/<id>/enable/: let the user sign in again."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Enable the user, who can then sign in again."""
        user = get_object_or_404(User, pk=pk)
        return finish_step(request, user, enable_user, f"{user.called} can sign in again.")


class UnlockView(PortalView):
    """/staff/<id>/unlock/: reset failed sign-in attempts."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Unlock sign-in after too many failed attempts."""
        user = get_object_or_404(User, pk=pk)
        return finish_step(
            request, user, unlock_user, f"{user.called} is unlocked and can try to sign in again."
        )


class SignOutView(PortalView):
    """/staff/<id>/sign-out/: end every session of the user."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sign the user out everywhere."""
        user = get_object_or_404(User, pk=pk)
        return finish_step(request, user, sign_out_user, f"{user.called} was signed out everywhere.")


class ResetAskView(PortalView):
    """/staff/<id>/second-factor/: for users who lost their phone or key."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask a second admin, with the reason."""
        user, form = get_object_or_404(User, pk=pk), ReasonForm(request.POST)
        if not form.is_valid():
            return render_user_page(request, user, status=422, reason_form=form)
        said = "Request sent. Another admin can approve it on this page."
        return finish_step(request, user, request_mfa_reset, said, **form.cleaned_data)


class ResetApproveView(PortalView):
    """/staff/<id>/second-factor/approve/: for another admin than the one who asked."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Remove every second factor of the user."""
        user = get_object_or_404(User, pk=pk)
        said = f"The second factor of {user.called} was removed. They were signed out."
        return finish_step(request, user, approve_mfa_reset, said)


class ResetWithdrawView(PortalView):
    """/staff/<id>/second-factor/withdraw/: withdraw or decline the request."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraw the request; the second factors stay."""
        user = get_object_or_404(User, pk=pk)
        return finish_step(
            request,
            user,
            withdraw_mfa_reset,
            "The request was withdrawn. The second factor was not removed.",
        )
