"""The rights and the three roles, in code; the database only mirrors them so that Django can ask."""

from typing import Any

PERMISSIONS: dict[str, str] = {
    "tenant.view": "see tenants",
    "tenant.update": "change tenants",
    "merchant.view": "see merchants",
    "merchant.create": "create merchants",
    "merchant.update": "change merchants",
    "merchant_user.view": "see merchant users",
    "merchant_user.create": "create merchant users",
    "merchant_user.update": "change merchant users",
    "connector.view": "see connectors",
    "connector.create": "create connectors",
    "connector.update": "change connectors",
    "connector.reveal_secret": "be shown the secrets of a connector just created",
    "routing.view": "see routing",
    "routing.replace": "replace routing",
    "routing.update_multi_method": "change multi-method routing",
    "nt_enrollment.create": "enrol for network tokens",
    "change.view": "see changes",
    "audit.view": "read the audit trail",
    "audit.export": "export the audit trail",
    "audit.verify": "verify the audit trail",
    "connection.view": "see connections",
    "credential.reset": "reset stored credentials",
    "staff.view": "see staff",
    "staff.create": "add staff",
    "staff.update": "change the role of staff, disable and enable them",
}

# Who uses one of these gives password or passkey again if that was a while ago (STEP_UP_MAX_AGE).
STEP_UP = frozenset({"credential.reset", "staff.create", "staff.update", "audit.export"})

AGENT, MANAGER, ADMIN = "Support agent", "Manager", "Admin"

_VIEWS = frozenset(name for name in PERMISSIONS if name.endswith(".view")) - {"audit.view", "staff.view"}
_ENTITY_WRITES = frozenset(
    name
    for name in PERMISSIONS
    if name.split(".")[0] in {"tenant", "merchant", "merchant_user", "connector", "routing", "nt_enrollment"}
)
ROLES: dict[str, frozenset[str]] = {
    AGENT: _VIEWS | _ENTITY_WRITES,
    MANAGER: _VIEWS | {"audit.view", "audit.export", "audit.verify", "staff.view"},
    ADMIN: frozenset(PERMISSIONS),
}


def permission_words(name: str) -> str:
    """What the right allows, in plain words: "create merchants"."""
    return PERMISSIONS.get(name, name)


def roles_with(permission: str) -> list[str]:
    """Names of the roles that hold the right."""
    return [role for role, held in ROLES.items() if permission in held]


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
