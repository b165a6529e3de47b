"""Pages about people: the list, one person, a new one, and everybody's own profile."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.services import history_of, origin_of
from portal.console.access import SIGNED_IN
from portal.console.views import PortalView
from portal.staff.attempts import locked_until
from portal.staff.forms import PersonForm, ProfileForm, RoleForm
from portal.staff.models import User
from portal.staff.roles import ROLES, permission_words
from portal.staff.second_factor import second_factors_of
from portal.staff.services import (
    StaffRefused,
    password_link_make,
    role_change,
    second_factor_reset,
    staff_create,
    staff_disable,
    staff_enable,
    staff_unlock,
)


class StaffListView(PortalView):
    """/staff/ — everybody, with role and status."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list; a team is small, so it is one page."""
        people: QuerySet[User] = User.objects.prefetch_related("groups").order_by("-is_active", "username")
        return render(request, "staff/list.html", {"people": people})


class PersonCreateView(PortalView):
    """/staff/new/ — add a person; the answer shows the one-time link, once."""

    access = "staff.create"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The empty form."""
        return self._form(request, PersonForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Adds the person, or says what is wrong."""
        form = PersonForm(request.POST)
        if not form.is_valid():
            return self._form(request, form, 422)
        try:
            person = staff_create(by=_user(request), origin=origin_of(request), **form.cleaned_data)
            return _link_shown(request, person)
        except StaffRefused as refusal:
            form.add_error(None, str(refusal))
            return self._form(request, form, 422)

    def _form(self, request: HttpRequest, form: PersonForm, status: int = 200) -> HttpResponse:
        roles = [(role, sorted(permission_words(name) for name in held)) for role, held in ROLES.items()]
        return render(request, "staff/new.html", {"form": form, "roles": roles}, status=status)


class PersonView(PortalView):
    """/staff/<id>/ — one person, and what an admin may do about them."""

    access = "staff.view"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page."""
        return _person_page(request, get_object_or_404(User, pk=pk))


class RoleView(PortalView):
    """/staff/<id>/role/ — gives the person another role."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Changes the role, or says what is wrong."""
        person, form = get_object_or_404(User, pk=pk), RoleForm(request.POST)
        if not form.is_valid():
            return _person_page(request, person, form, 422)
        return _done(
            request, person, role_change, f"{person.called} has a new role.", role=form.cleaned_data["role"]
        )


class DisableView(PortalView):
    """/staff/<id>/disable/ — shuts the person out."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Disables the person."""
        person = get_object_or_404(User, pk=pk)
        return _done(request, person, staff_disable, f"{person.called} is disabled and signed out.")


class EnableView(PortalView):
    """/staff/<id>/enable/ — lets the person in again."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Enables the person."""
        person = get_object_or_404(User, pk=pk)
        return _done(request, person, staff_enable, f"{person.called} can sign in again.")


class UnlockView(PortalView):
    """/staff/<id>/unlock/ — forgets failed attempts to sign in."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Unlocks sign-in."""
        person = get_object_or_404(User, pk=pk)
        return _done(request, person, staff_unlock, f"{person.called} can try to sign in again.")


class SecondFactorResetView(PortalView):
    """/staff/<id>/second-factor/ — for somebody who lost their phone or key."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Removes every second factor of the person."""
        person = get_object_or_404(User, pk=pk)
        return _done(request, person, second_factor_reset, f"{person.called} has no second factor any more.")


class PasswordLinkView(PortalView):
    """/staff/<id>/link/ — a new one-time link; the old password stops working."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows the link, this one time."""
        person = get_object_or_404(User, pk=pk)
        try:
            return _link_shown(request, person)
        except StaffRefused as refusal:
            return _refused(request, person, refusal)


class ProfileView(PortalView):
    """/accounts/profile/ — one's own time zone, role and rights."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        return self._page(request, ProfileForm(instance=_user(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Stores the time zone."""
        form = ProfileForm(request.POST, instance=User.objects.get(pk=_user(request).pk))
        if not form.is_valid():
            return self._page(request, form, 422)
        form.save()
        messages.success(request, "Your time zone is stored.")
        return redirect("staff:profile")

    def _page(self, request: HttpRequest, form: ProfileForm, status: int = 200) -> HttpResponse:
        rights = sorted(permission_words(name) for name in _user(request).get_all_permissions())
        return render(request, "staff/profile.html", {"form": form, "rights": rights}, status=status)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the door lets nobody else through
    return request.user


def _person_page(
    request: HttpRequest, person: User, form: RoleForm | None = None, status: int = 200
) -> HttpResponse:
    reader = _user(request)
    context = {
        "person": person,
        "form": form or RoleForm(initial={"role": person.role}),
        "second_factors": second_factors_of(person),
        "locked_until": locked_until(person),
        "is_self": reader.pk == person.pk,
        "may_change": reader.pk != person.pk and reader.has_perm("staff.update"),
        "rights": sorted(permission_words(name) for name in ROLES.get(person.role, ())),
        "events": history_of(connection="", guid=str(person.pk), kind="person")
        if reader.has_perm("audit.view")
        else [],
    }
    return render(request, "staff/page.html", context, status=status)


def _done(request: HttpRequest, person: User, service: Any, message: str, **values: Any) -> HttpResponse:
    """Calls a service of portal.staff.services and goes back to the person's page."""
    try:
        service(by=_user(request), origin=origin_of(request), person=person, **values)
    except StaffRefused as refusal:
        return _refused(request, person, refusal)
    messages.success(request, message)
    return redirect("staff:page", pk=person.pk)


def _refused(request: HttpRequest, person: User, refusal: StaffRefused) -> HttpResponse:
    messages.error(request, str(refusal))
    return _person_page(request, User.objects.get(pk=person.pk), status=409)


def _link_shown(request: HttpRequest, person: User) -> HttpResponse:
    """The answer itself carries the link: neither session nor log may keep it."""
    path = password_link_make(by=_user(request), origin=origin_of(request), person=person)
    return render(request, "staff/link.html", {"person": person, "link": request.build_absolute_uri(path)})
