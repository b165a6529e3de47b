"""Django's entry for portal.merchants."""

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, DetailTab, NavItem, Section, register_detail_tab
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea


class MerchantsConfig(AppConfig):
    """Configure the pages of merchants."""

    name = "portal.merchants"

    def ready(self) -> None:
        """Register the permissions of merchants, their tabs, their page in the sidebar and their cards."""
        from portal.directory.list_views import LIST_COLUMNS
        from portal.merchants.columns import COLUMNS
        from portal.merchants.dashboard import register_dashboard_cards

        register_dashboard_cards()
        LIST_COLUMNS.register("merchant", COLUMNS)
        NAVIGATION.register(
            "merchants",
            NavItem("Merchants", "merchants:list", "building-store", Section.CONNECTION, "merchant.view"),
        )
        register_detail_tab(
            "merchant", "overview", DetailTab("Overview", "merchants:page", "merchant.view", order=10)
        )
        register_detail_tab(
            "merchant", "history", DetailTab("History", "merchants:history", "merchant.view", order=90)
        )
        AREAS.register("merchant", PermissionArea("Merchants", order=20))
        PERMISSIONS.register("merchant.view", Permission("view merchants", within_tenants=True))
        PERMISSIONS.register("merchant.create", Permission("create merchants", within_tenants=True))
        PERMISSIONS.register("merchant.update", Permission("change merchants", within_tenants=True))
