"""Roles that admins make, beside the three built in: what they may hold, and the pages about all roles.

Changes are audited with the permissions before and after.
"""

import re
import unicodedata
from collections.abc import Iterable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.history import get_history
from portal.audit.recording import ObjectRef, Origin, origin_of, record_event
from portal.audit.saved_filters import withdraw_filters
from portal.core.forms import show_refusal
from portal.core.permissions import PERMISSIONS, describe_permission, describe_permissions
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.forms import NewRoleForm, RightsForm
from portal.staff.identity import get_user
from portal.staff.models import User
from portal.staff.roles import BUILT_IN_ROLES, get_roles
from portal.staff.services import StaffRefused, ValuesRefused, authorise, lock_staff, require_permissions
from portal.staff.user_page import record_refusal

# No comma, because MFA_ROLES is a list of names. Only Western European letters: a Cyrillic A would look like
# a Latin one.
_LETTER = "A-Za-z0-9À-ÖØ-öø-ÿ"
_NAME = re.compile(rf"[{_LETTER}][{_LETTER} .&()/-]{{1,59}}")


def create_role(*, by: User, origin: Origin, name: str, rights: Iterable[str]) -> Group:
    """Create a role with permissions that `by` holds. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        authorise(by, "role.update")
        held = _check_rights(by, rights)
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not _NAME.fullmatch(name):
            raise ValuesRefused(
                "Use 2 to 60 Latin letters, digits, spaces or . & ( ) / - and begin with a letter."
            )
        if _simplify_name(name) in {_simplify_name(known) for known in get_roles()}:
            raise ValuesRefused("A role with this name already exists.")
        role = Group.objects.create(name=name)
        _store_rights(role, held)
        record_event(action="role.created", origin=origin, object=_ref(role), after={"rights": sorted(held)})
    return role


def update_role(*, by: User, origin: Origin, role: Group, rights: Iterable[str]) -> None:
    """Give the role other permissions, from the next request on. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        before = _get_changeable_rights(by, role)
        held = _check_rights(by, rights)
        if held == before:
            return
        _store_rights(role, held)
        record_event(
            action="role.changed",
            origin=origin,
            object=_ref(role),
            before={"rights": sorted(before)},
            after={"rights": sorted(held)},
        )


def delete_role(*, by: User, origin: Origin, role: Group) -> None:
    """Delete a role without users. Filters shared with it stay with their owners.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        before = _get_changeable_rights(by, role)
        if User.objects.filter(groups=role).exists():
            raise StaffRefused(
                "Some users still have this role; some of them may be disabled. Change their role first."
            )
        if role.name in settings.MFA_ROLES:
            raise StaffRefused("The setting MFA_ROLES names this role. Remove it there first.")
        withdraw_filters(origin=origin, role=role.name)
        record_event(
            action="role.deleted", origin=origin, object=_ref(role), before={"rights": sorted(before)}
        )
        role.delete()


def _simplify_name(name: str) -> str:
    """Return the name without marks and case: “Admin.” and “ad-min” could be mistaken for Admin."""
    return re.sub(r"[\W_]", "", name).casefold()


def _get_changeable_rights(by: User, role: Group) -> frozenset[str]:
    """Return the permissions of a role. Raises StaffRefused unless `by` may change it."""
    authorise(by, "role.update")
    known = get_roles()
    if role.name in BUILT_IN_ROLES or role.name not in known:
        raise StaffRefused("Built-in roles can’t be changed. Create a role instead.")
    if User.objects.filter(pk=by.pk, groups=role).exists():
        raise StaffRefused("This is your own role. You can’t change your own permissions; ask another admin.")
    require_permissions(by, known[role.name])
    return known[role.name]


def _check_rights(by: User, rights: Iterable[str]) -> frozenset[str]:
    held = frozenset(rights)
    if held - frozenset(PERMISSIONS):
        raise StaffRefused("This permission does not exist.")
    require_permissions(by, held)
    for name in sorted(held):
        view = f"{name.partition('.')[0]}.view"
        if view in PERMISSIONS and view not in held:
            raise StaffRefused(
                f"“{describe_permission(name).capitalize()}” also needs “{describe_permission(view)}”."
            )
    return held


def _store_rights(role: Group, held: frozenset[str]) -> None:
    """Store the permissions of the role. Those that are not registered stay: they give nothing."""
    kept = set(role.permissions.values_list("pk", flat=True))
    rows = []
    for row in Permission.objects.select_related("content_type"):
        name = f"{row.content_type.app_label}.{row.codename}"
        if name in held or (row.pk in kept and name not in PERMISSIONS):
            rows.append(row)
    role.permissions.set(rows)


def _ref(role: Group) -> ObjectRef:
    return ObjectRef("role", str(role.pk), role.name)


class RoleListView(PortalView):
    """/staff/roles/: every role, its permissions, and how many users have it."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show all roles with their number of users."""
        groups = {group.name: group for group in Group.objects.annotate(users=Count("user"))}
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
    """Create a role at /staff/roles/new/."""

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
                    request, f"Role {form.cleaned_data['name']} created. You can now give it to users."
                )
                return redirect("staff:roles")
        except StaffRefused as refusal:
            record_refusal(request, refusal)
            show_refusal(form, refusal)
        return render(request, "staff/role.html", {"form": form}, status=422)


class CustomRoleView(PortalView):
    """/staff/roles/<id>/: the permissions of a role that is not built in."""

    access = "role.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the current permissions."""
        role = get_custom_role(pk)
        form = drafted(request, lambda data: RightsForm(data, initial=_get_initial(role)))
        return render_role_page(request, role, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the permissions, or show the form again."""
        role, form = get_custom_role(pk), RightsForm(request.POST)
        try:
            if form.is_valid():
                update_role(by=get_user(request), origin=origin_of(request), role=role, **form.cleaned_data)
                messages.success(request, f"Permissions of role {role.name} saved.")
                return redirect("staff:roles")
        except StaffRefused as refusal:
            record_refusal(request, refusal)
            show_refusal(form, refusal)
        return render_role_page(request, role, form, status=422)


class RoleDeleteView(PortalView):
    """Delete a role at /staff/roles/<id>/delete/."""

    access = "role.update"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete the role, or show why it was refused."""
        role = get_custom_role(pk)
        try:
            delete_role(by=get_user(request), origin=origin_of(request), role=role)
        except StaffRefused as refusal:
            record_refusal(request, refusal)
            messages.error(request, str(refusal))
            return render_role_page(request, role, RightsForm(initial=_get_initial(role)), status=409)
        messages.success(request, f"Role {role.name} deleted.")
        return redirect("staff:roles")


def render_role_page(
    request: HttpRequest, role: Group, form: RightsForm, *, status: int = 200
) -> HttpResponse:
    """Render the page of a role, with its history for those who may read the trail."""
    context = {
        "role": role,
        "form": form,
        "history": get_history(connection="", guid=str(role.pk), kind="role", query=request.GET)
        if request.user.has_perm("audit.view")
        else None,
    }
    return render(request, "staff/role.html", context, status=status)


def get_custom_role(pk: int) -> Group:
    """Return a role, or raise 404 for built-in ones, which have no page."""
    return get_object_or_404(Group.objects.exclude(name__in=BUILT_IN_ROLES), pk=pk)


def _get_initial(role: Group) -> dict[str, list[str]]:
    return {"rights": sorted(get_roles()[role.name])}
