"""Permissions of web users for people: areas, plain descriptions and presets, all as data.

The list itself and its descriptions are the contract's (schema MerchantUserPermission).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from provisioning import contract

DESCRIPTIONS: dict[str, str] = contract.enum_descriptions("MerchantUserPermission")
UNEXPLAINED = "(not explained in the documentation)"
# What the names of undescribed permissions say.
_FROM_NAMES = {
    "frontend.dashboard.show": "View dashboard",
    "frontend.payment-template.edit": "Edit payment templates",
    "frontend.representment.show": "View representments",
    "frontend.users.roles": "Manage roles",
}

# Area → the second words of the permission names that belong to it, in the order shown.
AREAS: dict[str, tuple[str, ...]] = {
    "Dashboard": ("dashboard",),
    "Transactions": ("transaction",),
    "Virtual terminal": ("virtual-terminal", "payment-template"),
    "Customer profiles": ("customer-profiles",),
    "Schedules": ("schedule",),
    "Blocklist and allowlist": ("blacklist", "whitelist"),
    "Disputes and documents": ("representment", "postprocessing"),
    "Users": ("users",),
    "Connectors": ("show-connectors",),
}
OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Preset:
    """A named selection of permissions that a button ticks."""

    key: str
    title: str
    help: str
    permissions: tuple[str, ...]

    @property
    def value(self) -> str:
        """The permissions as one word list, for the button's data attribute."""
        return " ".join(self.permissions)


_READING = (
    "frontend.blacklist.show",
    "frontend.customer-profiles.show",
    "frontend.customer-profiles.transactions",
    "frontend.dashboard.show",
    "frontend.representment.show",
    "frontend.schedule.show",
    "frontend.show-connectors.meta-connectors",
    "frontend.show-connectors.real-connectors",
    "frontend.transaction.adapter-txid-visible",
    "frontend.transaction.risk-check-result",
    "frontend.transaction.settlement-state",
    "frontend.users.index",
    "frontend.whitelist.show",
)
_MONEY = (
    "frontend.dashboard.financial-summary",
    "frontend.dashboard.payout-forecast",
    "frontend.postprocessing.documents",
    "frontend.transaction.data-export",
    "frontend.transaction.detailed-fees",
)

PRESETS: tuple[Preset, ...] = (
    Preset("read-only", "Read only", "Sees everything but money reports, changes nothing.", _READING),
    Preset(
        "support",
        "Support",
        "Reads, and helps customers: captures, refunds, voids, customer profiles, schedules.",
        tuple(
            dict.fromkeys(
                (
                    *_READING,
                    "frontend.transaction.capture",
                    "frontend.transaction.refund",
                    "frontend.transaction.void",
                    "frontend.customer-profiles.update",
                    "frontend.customer-profiles.prefer",
                    *(name for name in DESCRIPTIONS if name.startswith("frontend.schedule.")),
                )
            )
        ),
    ),
    Preset(
        "finance",
        "Finance",
        "Reads, with financial summary, fees, documents and exports.",
        (*_READING, *_MONEY),
    ),
    Preset("full", "Full", "Everything the API can grant.", tuple(DESCRIPTIONS)),
)


def get_preset(key: str) -> Preset | None:
    """Return the preset with this key, or None."""
    return next((preset for preset in PRESETS if preset.key == key), None)


def get_area(permission: str) -> str:
    """Return the area of a permission; Other for an unknown permission."""
    word = permission.removeprefix("frontend.").split(".")[0]
    return next((area for area, words in AREAS.items() if word in words), OTHER)


def describe_permission(permission: str) -> str:
    """Return what the permission allows; the end of its name if there is no description."""
    text = DESCRIPTIONS.get(permission, UNEXPLAINED)
    if text == UNEXPLAINED and permission in _FROM_NAMES:
        return _FROM_NAMES[permission]
    word = permission.rsplit(".", 1)[-1].replace("-", " ").capitalize()
    return f"{word} {UNEXPLAINED}" if text == UNEXPLAINED else text


def group_permissions(
    permissions: Iterable[str] = tuple(DESCRIPTIONS),
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return permissions by area as Django's grouped choices: [(area, [(name, description), …]), …]."""
    found: dict[str, list[tuple[str, str]]] = {area: [] for area in (*AREAS, OTHER)}
    for name in permissions:
        found[get_area(name)].append((name, describe_permission(name)))
    return [(area, rows) for area, rows in found.items() if rows]


def find_unknown_permissions(permissions: Iterable[str]) -> list[str]:
    """Stored permissions that the API list does not name: granted on the platform, kept as they are."""
    return [name for name in permissions if name not in DESCRIPTIONS]
