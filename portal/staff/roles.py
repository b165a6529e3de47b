"""The three built-in roles, and the roles that admins make (portal.staff.custom_roles).

The database mirrors the built-in roles and the registered permissions, so that Django can be asked.
"""

from typing import Any

from portal.core.permissions import PERMISSIONS, describe_permission, within_tenants

AGENT, MANAGER, ADMIN = "Support agent", "Manager", "Admin"
BUILT_IN_ROLES = (AGENT, MANAGER, ADMIN)


def get_built_in_roles() -> dict[str, frozenset[str]]:
    """Return the permissions of each built-in role, complete once all apps are ready."""
    everything = frozenset(PERMISSIONS)
    views = {name for name in everything if name.endswith(".view")} - {"audit.view", "staff.view"}
    audit = {"audit.view", "audit.export", "audit.verify", "audit.review", "audit.share_filter"}
    return {
        AGENT: within_tenants(everything) | views,
        MANAGER: frozenset(views | audit | {"staff.view", "access.review"}),
        ADMIN: everything,
    }


def get_roles() -> dict[str, frozenset[str]]:
    """Return the registered permissions of each role: the built-in roles first, then the others by name."""
    from django.contrib.auth.models import Group

    columns = ("name", "permissions__content_type__app_label", "permissions__codename")
    found: dict[str, set[str]] = {role: set() for role in BUILT_IN_ROLES}
    for role, area, codename in Group.objects.order_by("name").values_list(*columns):
        found.setdefault(role, set()).add(f"{area}.{codename}")
    registered = frozenset(PERMISSIONS)
    return {role: registered & held for role, held in found.items()}


def get_roles_with(permission: str) -> list[str]:
    """Return the names of the roles that hold the permission."""
    return [role for role, held in get_roles().items() if permission in held]


def sync_roles(**_signal: Any) -> None:
    """Store the registered permissions and the built-in roles. Runs after every migrate; can be repeated.

    A permission that is no longer registered is kept while a role made here holds it: it gives nothing, and
    the role and its seal stay as they are.
    """
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType

    rows: dict[str, Permission] = {}
    for name in PERMISSIONS:
        area, codename = name.split(".")
        # `user.has_perm("merchant.create")` is app label, dot, code name: one content type for each area.
        kind, _created = ContentType.objects.get_or_create(app_label=area, model="right")
        rows[name], _created = Permission.objects.update_or_create(
            content_type=kind, codename=codename, defaults={"name": describe_permission(name)[:255]}
        )
    for role, held in get_built_in_roles().items():
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set([rows[name] for name in held])
    stored = Permission.objects.filter(content_type__in={row.content_type_id for row in rows.values()})
    stored.exclude(pk__in=[row.pk for row in rows.values()]).filter(group=None).delete()
