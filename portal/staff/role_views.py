"""Pages about roles: all of them, a new one, and the rights of one that was made here."""

from django.contrib import messages
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.history import get_history
from portal.audit.recording import origin_of
from portal.core.permissions import describe_permissions
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.custom_roles import role_create, role_delete, role_update
from portal.staff.forms import NewRoleForm, RightsForm
from portal.staff.roles import BUILT_IN_ROLES, get_roles
from portal.staff.services import StaffRefused
from portal.staff.user_page import refusal_words, user_of


class RoleListView(PortalView):
    """/staff/roles/ — every role, its rights, and how many people have it."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list; roles are few."""
        groups = {group.name: group for group in Group.objects.annotate(people=Count("user"))}
        roles = [
            {
                "group": groups.get(name),
                "name": name,
                "built_in": name in BUILT_IN_ROLES,
                "count": len(held),
                "rights": describe_permissions(held),
            }
            for name, held in get_roles().items()
        ]
        return render(request, "staff/roles.html", {"roles": roles})


class RoleCreateView(PortalView):
    """/staff/roles/new/."""

    access = "role.update"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The empty form."""
        return render(request, "staff/role.html", {"form": drafted(request, NewRoleForm)})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Makes the role, or says what is wrong."""
        form = NewRoleForm(request.POST)
        try:
            if form.is_valid():
                role_create(by=user_of(request), origin=origin_of(request), **form.cleaned_data)
                messages.success(
                    request, f"Role {form.cleaned_data['name']} created. You can now give it to people."
                )
                return redirect("staff:roles")
        except StaffRefused as refusal:
            form.add_error(None, refusal_words(request, refusal))
        return render(request, "staff/role.html", {"form": form}, status=422)


class OwnRoleView(PortalView):
    """/staff/roles/<id>/ — the rights of a role that was made here."""

    access = "role.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form with what the role may now."""
        role = own_role(pk)
        form = drafted(request, lambda data: RightsForm(data, initial=_held(role)))
        return role_page(request, role, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Changes the rights, or says what is wrong."""
        role, form = own_role(pk), RightsForm(request.POST)
        try:
            if form.is_valid():
                role_update(by=user_of(request), origin=origin_of(request), role=role, **form.cleaned_data)
                messages.success(request, f"Permissions of role {role.name} saved.")
                return redirect("staff:roles")
        except StaffRefused as refusal:
            form.add_error(None, refusal_words(request, refusal))
        return role_page(request, role, form, status=422)


class RoleDeleteView(PortalView):
    """/staff/roles/<id>/delete/."""

    access = "role.update"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Deletes the role, or says why not."""
        role = own_role(pk)
        try:
            role_delete(by=user_of(request), origin=origin_of(request), role=role)
        except StaffRefused as refusal:
            messages.error(request, refusal_words(request, refusal))
            return role_page(request, role, RightsForm(initial=_held(role)), status=409)
        messages.success(request, f"Role {role.name} deleted.")
        return redirect("staff:roles")


def role_page(request: HttpRequest, role: Group, form: RightsForm, *, status: int = 200) -> HttpResponse:
    """The page of a role, with its history for those who may read the trail."""
    context = {
        "role": role,
        "form": form,
        "history": get_history(connection="", guid=str(role.pk), kind="role", query=request.GET)
        if request.user.has_perm("audit.view")
        else None,
    }
    return render(request, "staff/role.html", context, status=status)


def own_role(pk: int) -> Group:
    """A role that was made here; 404 for the built-in ones, which have no page."""
    return get_object_or_404(Group.objects.exclude(name__in=BUILT_IN_ROLES), pk=pk)


def _held(role: Group) -> dict[str, list[str]]:
    return {"rights": sorted(get_roles()[role.name])}
