"""Roles that admins make, beside the three built in. Audited with the permissions before and after."""

import re
import unicodedata
from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from portal.audit.recording import ObjectRef, Origin, record_event
from portal.audit.saved_filters import withdraw_filters
from portal.core.permissions import PERMISSIONS, describe_permission
from portal.staff.models import User
from portal.staff.roles import BUILT_IN_ROLES, get_roles
from portal.staff.services import StaffRefused, ValuesRefused, authorise, lock_staff, require_permissions

# No comma, because MFA_ROLES is a list of names. Only Western European letters: a Cyrillic A would look like
# a Latin one.
_LETTER = "A-Za-z0-9À-ÖØ-öø-ÿ"
_NAME = re.compile(rf"[{_LETTER}][{_LETTER} .&()/-]{{1,59}}")


def create_role(*, by: User, origin: Origin, name: str, rights: Iterable[str]) -> Group:
    """Create a role with permissions that `by` holds. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        authorise(by, "role.update")
        held = _rights_checked(by, rights)
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not _NAME.fullmatch(name):
            raise ValuesRefused(
                "Use 2 to 60 Latin letters, digits, spaces or . & ( ) / - and begin with a letter."
            )
        if _bare(name) in {_bare(known) for known in get_roles()}:
            raise ValuesRefused("A role with this name already exists.")
        role = Group.objects.create(name=name)
        _rights_set(role, held)
        record_event(action="role.created", origin=origin, object=_ref(role), after={"rights": sorted(held)})
    return role


def update_role(*, by: User, origin: Origin, role: Group, rights: Iterable[str]) -> None:
    """Give the role other permissions, from the next request on. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        before = _own(by, role)
        held = _rights_checked(by, rights)
        if held == before:
            return
        _rights_set(role, held)
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
        before = _own(by, role)
        if User.objects.filter(groups=role).exists():
            raise StaffRefused(
                "Some people still have this role; some of them may be disabled. Change their role first."
            )
        if role.name in settings.MFA_ROLES:
            raise StaffRefused("The setting MFA_ROLES names this role. Remove it there first.")
        withdraw_filters(origin=origin, role=role.name)
        record_event(
            action="role.deleted", origin=origin, object=_ref(role), before={"rights": sorted(before)}
        )
        role.delete()


def _bare(name: str) -> str:
    """Return the name without marks and case: “Admin.” and “ad-min” could be mistaken for Admin."""
    return re.sub(r"[\W_]", "", name).casefold()


def _own(by: User, role: Group) -> frozenset[str]:
    """Return the permissions of a role. Raises StaffRefused unless `by` may change it."""
    authorise(by, "role.update")
    known = get_roles()
    if role.name in BUILT_IN_ROLES or role.name not in known:
        raise StaffRefused("Built-in roles can’t be changed. Create a role instead.")
    if User.objects.filter(pk=by.pk, groups=role).exists():
        raise StaffRefused("This is your own role. You can’t change your own permissions; ask another admin.")
    require_permissions(by, known[role.name])
    return known[role.name]


def _rights_checked(by: User, rights: Iterable[str]) -> frozenset[str]:
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


def _rights_set(role: Group, held: frozenset[str]) -> None:
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
