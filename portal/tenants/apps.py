"""Django's entry for portal.tenants."""

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, DetailTab, NavItem, Section, register_detail_tab
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea


class TenantsConfig(AppConfig):
    """Configure the pages of tenants."""

    name = "portal.tenants"

    def ready(self) -> None:
        """Register the permissions of tenants, their tabs and their page in the sidebar."""
        from portal.directory.list_views import LIST_COLUMNS
        from portal.tenants.columns import COLUMNS

        LIST_COLUMNS.register("tenant", COLUMNS)
        NAVIGATION.register(
            "tenants", NavItem("Tenants", "tenants:list", "building-bank", Section.CONNECTION, "tenant.view")
        )
        register_detail_tab(
            "tenant", "overview", DetailTab("Overview", "tenants:page", "tenant.view", order=10)
        )
        register_detail_tab(
            "tenant", "history", DetailTab("History", "tenants:history", "tenant.view", order=90)
        )
        AREAS.register("tenant", PermissionArea("Tenants", order=10))
        PERMISSIONS.register("tenant.view", Permission("view tenants", within_tenants=True))
        PERMISSIONS.register("tenant.update", Permission("change tenants", within_tenants=True))
