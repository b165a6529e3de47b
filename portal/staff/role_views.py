"""Pages about roles: list, create, change and delete."""

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
from portal.staff.custom_roles import create_role, delete_role, update_role
from portal.staff.forms import NewRoleForm, RightsForm
from portal.staff.roles import BUILT_IN_ROLES, get_roles
from portal.staff.services import StaffRefused
from portal.staff.user_page import describe_refusal, get_user


class RoleListView(PortalView):
    """/staff/roles/: every role, its permissions, and how many users have it."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the list."""
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
        """Show the empty form."""
        return render(request, "staff/role.html", {"form": drafted(request, NewRoleForm)})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create the role, or show the form again."""
        form = NewRoleForm(request.POST)
        try:
            if form.is_valid():
                create_role(by=get_user(request), origin=origin_of(request), **form.cleaned_data)
                messages.success(
                    request, f"Role {form.cleaned_data['name']} created. You can now give it to people."
                )
                return redirect("staff:roles")
        except StaffRefused as refusal:
            form.add_error(None, describe_refusal(request, refusal))
        return render(request, "staff/role.html", {"form": form}, status=422)


class OwnRoleView(PortalView):
    """/staff/roles/<id>/: the permissions of a role that is not built in."""

    access = "role.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the current permissions."""
        role = own_role(pk)
        form = drafted(request, lambda data: RightsForm(data, initial=_held(role)))
        return role_page(request, role, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the permissions, or show the form again."""
        role, form = own_role(pk), RightsForm(request.POST)
        try:
            if form.is_valid():
                update_role(by=get_user(request), origin=origin_of(request), role=role, **form.cleaned_data)
                messages.success(request, f"Permissions of role {role.name} saved.")
                return redirect("staff:roles")
        except StaffRefused as refusal:
            form.add_error(None, describe_refusal(request, refusal))
        return role_page(request, role, form, status=422)


class RoleDeleteView(PortalView):
    """/staff/roles/<id>/delete/."""

    access = "role.update"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete the role, or show why it was refused."""
        role = own_role(pk)
        try:
            delete_role(by=get_user(request), origin=origin_of(request), role=role)
        except StaffRefused as refusal:
            messages.error(request, describe_refusal(request, refusal))
            return role_page(request, role, RightsForm(initial=_held(role)), status=409)
        messages.success(request, f"Role {role.name} deleted.")
        return redirect("staff:roles")


def role_page(request: HttpRequest, role: Group, form: RightsForm, *, status: int = 200) -> HttpResponse:
    """Render the page of a role, with its history for those who may read the trail."""
    context = {
        "role": role,
        "form": form,
        "history": get_history(connection="", guid=str(role.pk), kind="role", query=request.GET)
        if request.user.has_perm("audit.view")
        else None,
    }
    return render(request, "staff/role.html", context, status=status)


def own_role(pk: int) -> Group:
    """Return a role, or raise 404 for built-in ones, which have no page."""
    return get_object_or_404(Group.objects.exclude(name__in=BUILT_IN_ROLES), pk=pk)


def _held(role: Group) -> dict[str, list[str]]:
    return {"rights": sorted(get_roles()[role.name])}
