"""The rights and the three built-in roles, in code; the database mirrors them so that Django can ask.

Roles that admins make themselves (portal.staff.custom_roles) are in the database alone.
"""

from collections.abc import Collection
from typing import Any

PERMISSIONS: dict[str, str] = {
    "tenant.view": "view tenants",
    "tenant.update": "change tenants",
    "merchant.view": "view merchants",
    "merchant.create": "create merchants",
    "merchant.update": "change merchants",
    "merchant_user.view": "view merchant users",
    "merchant_user.create": "create merchant users",
    "merchant_user.update": "change merchant users",
    "connector.view": "view connectors",
    "connector.create": "create connectors",
    "connector.update": "change connectors",
    "connector.reveal_secret": "view the secrets of a connector that was just created",
    "routing.view": "view routing",
    "routing.replace": "replace routing",
    "routing.update_multi_method": "change multi-method routing",
    "nt_enrollment.create": "enrol merchants for network tokens",
    "change.view": "view changes",
    "audit.view": "read the audit trail",
    "audit.export": "export the audit trail",
    "audit.verify": "verify the audit trail",
    "audit.review": "sign off daily reviews of the audit trail",
    "audit.share_filter": "share saved filters of the audit trail with a role",
    "connection.view": "view connections",
    "connection.create": "add connections",
    "connection.update": "change, pause and resume connections",
    "credential.reset": "reset stored credentials",
    "staff.view": "view staff",
    "staff.create": "add staff",
    "staff.update": "change roles and tenant access of staff, and disable or enable them",
    "role.update": "create, change and delete roles",
    "access.review": "sign off access reviews",
}

# Who uses one of these gives password or passkey again if that was a while ago (STEP_UP_MAX_AGE).
STEP_UP = frozenset(
    {
        "connection.create",
        "connection.update",
        "credential.reset",
        "staff.create",
        "staff.update",
        "role.update",
        "access.review",
        "audit.export",
    }
)

_ENTITY_ROOMS = {"tenant", "merchant", "merchant_user", "connector", "routing", "nt_enrollment"}
# What people who are limited to some tenants can be given: every other right is about the whole portal.
WITHIN_TENANTS = frozenset(name for name in PERMISSIONS if name.split(".")[0] in _ENTITY_ROOMS) | {
    "change.view",
    "connection.view",
}

_ROOM_WORDS = {
    "tenant": "Tenants",
    "merchant": "Merchants",
    "merchant_user": "Merchant users",
    "connector": "Connectors",
    "routing": "Routing",
    "nt_enrollment": "Network tokens",
    "change": "Changes",
    "audit": "Audit trail",
    "connection": "Connections",
    "credential": "Stored credentials",
    "staff": "Staff",
    "role": "Roles",
    "access": "Access reviews",
}

# Rights in short, below the name of their room, where the last part of their own name is not such a word.
_SHORT = {
    "view": "view",
    "update": "change",
    "reveal_secret": "view new secrets",
    "update_multi_method": "change multi-method",
    "review": "sign off",
    "share_filter": "share filters",
}

AGENT, MANAGER, ADMIN = "Support agent", "Manager", "Admin"

_VIEWS = frozenset(name for name in PERMISSIONS if name.endswith(".view")) - {"audit.view", "staff.view"}
_ENTITY_WRITES = frozenset(name for name in PERMISSIONS if name.split(".")[0] in _ENTITY_ROOMS)
ROLES: dict[str, frozenset[str]] = {
    AGENT: _VIEWS | _ENTITY_WRITES,
    MANAGER: _VIEWS
    | {"audit.view", "audit.export", "audit.verify", "audit.review", "audit.share_filter", "staff.view"}
    | {"access.review"},
    ADMIN: frozenset(PERMISSIONS),
}


def permission_words(name: str) -> str:
    """What the right allows, in plain words: "create merchants"."""
    return PERMISSIONS.get(name, name)


def room_words(name: str) -> str:
    """The room of a right, as a heading: "merchant_user.view" → "Merchant users"."""
    room = name.partition(".")[0]
    return _ROOM_WORDS.get(room, room.replace("_", " ").capitalize())


def rights_by_room(names: Collection[str]) -> list[tuple[str, list[str]]]:
    """(room, what is allowed there in short), such as ("Merchants", ["see", "create"]); no empty rooms."""
    found: dict[str, list[str]] = {}
    for name in PERMISSIONS:
        if name in names:
            right = name.partition(".")[2]
            found.setdefault(room_words(name), []).append(_SHORT.get(right, right.replace("_", " ")))
    return list(found.items())


def roles_known() -> dict[str, frozenset[str]]:
    """Role → its rights: the built-in ones first, then those made here, by name."""
    from django.contrib.auth.models import Group

    columns = ("name", "permissions__content_type__app_label", "permissions__codename")
    found: dict[str, set[str]] = {role: set() for role in ROLES}
    for role, room, right in Group.objects.order_by("name").values_list(*columns):
        found.setdefault(role, set()).update([f"{room}.{right}"] if right else [])
    return {role: frozenset(held) for role, held in found.items()}


def roles_with(permission: str) -> list[str]:
    """Names of the roles that hold the right."""
    return [role for role, held in roles_known().items() if permission in held]


def roles_sync(**_: Any) -> None:
    """Makes the database's groups and permissions what this module says; nothing else holds a right.

    Called after every migrate; repeating it changes nothing.
    """
    from django.contrib.auth.models import Group, Permission

    rows = {name: _permission_row(name) for name in PERMISSIONS}
    Permission.objects.filter(content_type__in={row.content_type_id for row in rows.values()}).exclude(
        pk__in=[row.pk for row in rows.values()]
    ).delete()
    for role, held in ROLES.items():
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set([rows[name] for name in held])


def _permission_row(name: str) -> Any:
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    room, _, right = name.partition(".")
    # A content type of its own per room: `user.has_perm("merchant.create")` is app label, dot, code name.
    kind, _created = ContentType.objects.get_or_create(app_label=room, model="right")
    permission, _created = Permission.objects.update_or_create(
        content_type=kind, codename=right, defaults={"name": permission_words(name)[:255]}
    )
    return permission
