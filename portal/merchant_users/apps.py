"""Django's entry for portal.merchant_users."""

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, DetailTab, NavItem, Section, register_detail_tab
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea


class MerchantUsersConfig(AppConfig):
    """Configure the pages of merchant users."""

    name = "portal.merchant_users"

    def ready(self) -> None:
        """Register the permissions of merchant users, their tabs and their page in the sidebar."""
        from portal.directory.list_views import LIST_COLUMNS
        from portal.merchant_users.columns import COLUMNS

        LIST_COLUMNS.register("merchant_user", COLUMNS)
        NAVIGATION.register(
            "merchant_users",
            NavItem("Users", "merchant_users:list", "user-circle", Section.CONNECTION, "merchant_user.view"),
        )
        register_detail_tab(
            "merchant_user",
            "overview",
            DetailTab("Overview", "merchant_users:page", "merchant_user.view", order=10),
        )
        register_detail_tab(
            "merchant_user",
            "history",
            DetailTab("History", "merchant_users:history", "merchant_user.view", order=90),
        )
        register_detail_tab(
            "merchant", "users", DetailTab("Users", "merchants:users", "merchant_user.view", order=20)
        )
        AREAS.register("merchant_user", PermissionArea("Merchant users", order=30))
        PERMISSIONS.register("merchant_user.view", Permission("view merchant users", within_tenants=True))
        PERMISSIONS.register("merchant_user.create", Permission("create merchant users", within_tenants=True))
        PERMISSIONS.register("merchant_user.update", Permission("change merchant users", within_tenants=True))
