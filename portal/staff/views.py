"""Pages about people: the list, one person, a new one, and everybody's own profile."""

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
from portal.staff.mfa_reset_mail import resets_open
from portal.staff.models import User
from portal.staff.password_link_views import link_delivered
from portal.staff.roles import get_roles
from portal.staff.services import (
    StaffRefused,
    role_change,
    staff_create,
    staff_disable,
    staff_enable,
    staff_sign_out,
    staff_unlock,
)
from portal.staff.user_page import person_page, refusal_words, step_done, user_of


class StaffListView(PortalView):
    """/staff/ — everybody, with role and status."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list; a team is small, so it is one page."""
        people: QuerySet[User] = User.objects.prefetch_related("groups").select_related("password_link")
        context = {"people": people.order_by("-is_active", "username"), "resets": resets_open()}
        return render(request, "staff/list.html", context)


class PersonCreateView(PortalView):
    """/staff/new/ — invite a person; the answer shows the one-time link, once, or says that it was mailed."""

    access = "staff.create"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The empty form."""
        return self._form(request, drafted(request, PersonForm))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Adds the person, or says what is wrong."""
        form = PersonForm(request.POST, by_mail="mail" in request.POST)
        if not form.is_valid():
            return self._form(request, form, 422)
        try:
            person = staff_create(by=user_of(request), origin=origin_of(request), **form.cleaned_data)
            return link_delivered(request, person, by_mail=form.by_mail)
        except StaffRefused as refusal:
            form.add_error(None, refusal_words(request, refusal))
            return self._form(request, form, 422)

    def _form(self, request: HttpRequest, form: PersonForm, status: int = 200) -> HttpResponse:
        known = get_roles().items()
        roles = [(role, describe_permissions(held)) for role, held in known]
        context = {"form": form, "roles": roles, "mail_on": settings.MAIL_ON}
        return render(request, "staff/new.html", context, status=status)


class PersonView(PortalView):
    """/staff/<id>/ — one person, and what an admin may do about them."""

    access = "staff.view"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page."""
        return person_page(request, get_object_or_404(User, pk=pk))


class RoleView(PortalView):
    """/staff/<id>/role/ — gives the person another role."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Changes the role, or says what is wrong."""
        person, form = get_object_or_404(User, pk=pk), RoleForm(request.POST)
        if not form.is_valid():
            return person_page(request, person, status=422, form=form)
        return step_done(
            request, person, role_change, f"Role of {person.called} changed.", **form.cleaned_data
        )


class DisableView(PortalView):
    """/staff/<id>/disable/ — shuts the person out."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Disables the person, or asks why."""
        person, form = get_object_or_404(User, pk=pk), DisableForm(request.POST)
        if not form.is_valid():
            return person_page(request, person, status=422, disable_form=form)
        said = f"{person.called} was disabled and signed out."
        return step_done(request, person, staff_disable, said, **form.cleaned_data)


class EnableView(PortalView):
    """/staff/<id>/enable/ — lets the person in again."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Enables the person."""
        person = get_object_or_404(User, pk=pk)
        return step_done(request, person, staff_enable, f"{person.called} can sign in again.")


class UnlockView(PortalView):
    """/staff/<id>/unlock/ — forgets failed attempts to sign in."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Unlocks sign-in."""
        person = get_object_or_404(User, pk=pk)
        return step_done(
            request, person, staff_unlock, f"{person.called} is unlocked and can try to sign in again."
        )


class SignOutView(PortalView):
    """/staff/<id>/sign-out/ — ends every session of the person."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Signs the person out everywhere."""
        person = get_object_or_404(User, pk=pk)
        return step_done(request, person, staff_sign_out, f"{person.called} was signed out everywhere.")


class ProfileView(PortalView):
    """/accounts/profile/ — one's own time zone, role and rights."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        return self._page(request, ProfileForm(instance=user_of(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Stores the time zone."""
        form = ProfileForm(request.POST, instance=User.objects.get(pk=user_of(request).pk))
        if not form.is_valid():
            return self._page(request, form, 422)
        form.save()
        messages.success(request, "Saved. Times are now shown in your time zone.")
        return redirect("staff:profile")

    def _page(self, request: HttpRequest, form: ProfileForm, status: int = 200) -> HttpResponse:
        person = user_of(request)
        context = {
            "form": form,
            "rights": describe_permissions(person.get_all_permissions()),
            "limits": _limits(person) if person.is_limited else None,
        }
        return render(request, "staff/profile.html", context, status=status)


def _limits(person: User) -> list[str]:
    """Return the tenants that a limited person may see, with their connection."""
    return [
        f"{scope.connection}: {scope.tenant_name or scope.tenant_guid or 'all tenants'}"
        for scope in person.tenant_scopes.order_by("connection", "tenant_name")
    ]
