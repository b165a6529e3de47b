"""The permissions that roles can hold. Each app registers those of its pages in `AppConfig.ready`.

A stored permission that no app registers, such as one of a page that was removed, gives nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass

from provisioning.registry import Registry


@dataclass(frozen=True, slots=True)
class PermissionArea:
    """The heading of the permissions whose names begin with the area's. A small `order` comes first."""

    heading: str
    order: int


@dataclass(frozen=True, slots=True)
class Permission:
    """What a permission allows, in plain words: "create merchants".

    `short` says it below the area's heading, if the end of the permission's name does not. Users confirm
    their identity before they use a permission with `step_up` (STEP_UP_MAX_AGE). Users with access to some
    tenants only can hold a permission `within_tenants`; all others concern the whole portal.
    """

    words: str
    short: str = ""
    step_up: bool = False
    within_tenants: bool = False


AREAS: Registry[PermissionArea] = Registry("permission areas")
PERMISSIONS: Registry[Permission] = Registry("permissions")


def describe_permission(name: str) -> str:
    """Return the words of a permission, or its name if it is not registered."""
    return PERMISSIONS.get(name).words if name in PERMISSIONS else name


def permissions_by_area(names: Collection[str]) -> dict[str, list[str]]:
    """Return those of the permissions that are registered by the heading of their area, in order."""
    found: dict[str, list[str]] = {}
    for key, area in sorted(AREAS.items(), key=lambda item: item[1].order):
        held = [name for name in PERMISSIONS if name in names and name.partition(".")[0] == key]
        if held:
            found[area.heading] = held
    return found


def describe_permissions(names: Collection[str]) -> list[tuple[str, list[str]]]:
    """Return what is allowed in each area, in short: ("Merchants", ["view", "create"])."""
    found = []
    for heading, held in permissions_by_area(names).items():
        words = [PERMISSIONS.get(name).short or name.partition(".")[2] for name in held]
        found.append((heading, [word.replace("update", "change").replace("_", " ") for word in words]))
    return found


def within_tenants(names: Collection[str]) -> frozenset[str]:
    """Return those of the permissions that users with access to some tenants only can hold."""
    return frozenset(
        name for name, permission in PERMISSIONS.items() if name in names and permission.within_tenants
    )


def needs_step_up(name: str) -> bool:
    """Return whether users confirm their identity before they use the permission."""
    return name in PERMISSIONS and PERMISSIONS.get(name).step_up
