"""Pages about users: list, create, one user with actions, and one's own profile."""

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.recording import origin_of
from portal.core.permissions import describe_permissions
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.forms import DisableForm, PersonForm, ProfileForm, RoleForm
from portal.staff.mfa_reset_mail import get_open_resets
from portal.staff.models import User
from portal.staff.password_link_views import deliver_link
from portal.staff.roles import get_roles
from portal.staff.services import (
    StaffRefused,
    change_role,
    create_user,
    disable_user,
    enable_user,
    sign_out_user,
    unlock_user,
)
from portal.staff.user_page import describe_refusal, finish_step, get_user, render_person_page


class StaffListView(PortalView):
    """/staff/: all users, with role and status."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the list on one page, as a team is small."""
        people: QuerySet[User] = User.objects.prefetch_related("groups").select_related("password_link")
        context = {"people": people.order_by("-is_active", "username"), "resets": get_open_resets()}
        return render(request, "staff/list.html", context)


class PersonCreateView(PortalView):
    """/staff/new/: invite a user; the response shows the one-time link once, or says that it was mailed."""

    access = "staff.create"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the empty form."""
        return self._form(request, drafted(request, PersonForm))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create the user, or show the form again."""
        form = PersonForm(request.POST, by_mail="mail" in request.POST)
        if not form.is_valid():
            return self._form(request, form, 422)
        try:
            person = create_user(by=get_user(request), origin=origin_of(request), **form.cleaned_data)
            return deliver_link(request, person, by_mail=form.by_mail)
        except StaffRefused as refusal:
            form.add_error(None, describe_refusal(request, refusal))
            return self._form(request, form, 422)

    def _form(self, request: HttpRequest, form: PersonForm, status: int = 200) -> HttpResponse:
        known = get_roles().items()
        roles = [(role, describe_permissions(held)) for role, held in known]
        context = {"form": form, "roles": roles, "mail_on": settings.MAIL_ON}
        return render(request, "staff/new.html", context, status=status)


class PersonView(PortalView):
    """/staff/<id>/: one user, with the actions of an admin."""

    access = "staff.view"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the page."""
        return render_person_page(request, get_object_or_404(User, pk=pk))


class RoleView(PortalView):
    """/staff/<id>/role/: give the user another role."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the role, or show the form again."""
        person, form = get_object_or_404(User, pk=pk), RoleForm(request.POST)
        if not form.is_valid():
            return render_person_page(request, person, status=422, form=form)
        return finish_step(
            request, person, change_role, f"Role of {person.called} changed.", **form.cleaned_data
        )


class DisableView(PortalView):
    """/staff/<id>/disable/: disable the user."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Disable the user, or ask for the reason."""
        person, form = get_object_or_404(User, pk=pk), DisableForm(request.POST)
        if not form.is_valid():
            return render_person_page(request, person, status=422, disable_form=form)
        said = f"{person.called} was disabled and signed out."
        return finish_step(request, person, disable_user, said, **form.cleaned_data)


class EnableView(PortalView):
    """/staff/<id>/enable/: let the user sign in again."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Enable the user."""
        person = get_object_or_404(User, pk=pk)
        return finish_step(request, person, enable_user, f"{person.called} can sign in again.")


class UnlockView(PortalView):
    """/staff/<id>/unlock/: reset failed sign-in attempts."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Unlock sign-in."""
        person = get_object_or_404(User, pk=pk)
        return finish_step(
            request, person, unlock_user, f"{person.called} is unlocked and can try to sign in again."
        )


class SignOutView(PortalView):
    """/staff/<id>/sign-out/: end every session of the user."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sign the user out everywhere."""
        person = get_object_or_404(User, pk=pk)
        return finish_step(request, person, sign_out_user, f"{person.called} was signed out everywhere.")


class ProfileView(PortalView):
    """/accounts/profile/: one's own time zone, role and permissions."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self._page(request, ProfileForm(instance=get_user(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store the time zone."""
        form = ProfileForm(request.POST, instance=User.objects.get(pk=get_user(request).pk))
        if not form.is_valid():
            return self._page(request, form, 422)
        form.save()
        messages.success(request, "Saved. Times are now shown in your time zone.")
        return redirect("staff:profile")

    def _page(self, request: HttpRequest, form: ProfileForm, status: int = 200) -> HttpResponse:
        person = get_user(request)
        context = {
            "form": form,
            "rights": describe_permissions(person.get_all_permissions()),
            "limits": _limits(person) if person.is_limited else None,
        }
        return render(request, "staff/profile.html", context, status=status)


def _limits(person: User) -> list[str]:
    """Return the tenants that a limited user may see, with their connection."""
    return [
        f"{scope.connection}: {scope.tenant_name or scope.tenant_guid or 'all tenants'}"
        for scope in person.tenant_scopes.order_by("connection", "tenant_name")
    ]
