"""Django's entry for portal.connectors."""

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, DetailTab, NavItem, Section, register_detail_tab
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea


class ConnectorsConfig(AppConfig):
    """Configure the pages of connectors."""

    name = "portal.connectors"

    def ready(self) -> None:
        """Register the permissions of connectors, their tabs and page, and which settings are secrets."""
        from portal.connectors.columns import COLUMNS
        from portal.connectors.forms import holds_secret_settings
        from portal.directory.list_views import LIST_COLUMNS
        from portal.form_drafts.services import SECRET_TEXTS

        SECRET_TEXTS.register("settings", holds_secret_settings)
        LIST_COLUMNS.register("connector", COLUMNS)
        NAVIGATION.register(
            "connectors",
            NavItem("Connectors", "connectors:list", "route", Section.CONNECTION, "connector.view"),
        )
        register_detail_tab(
            "connector", "overview", DetailTab("Overview", "connectors:page", "connector.view", order=10)
        )
        register_detail_tab(
            "connector", "history", DetailTab("History", "connectors:history", "connector.view", order=90)
        )
        register_detail_tab(
            "merchant",
            "connectors",
            DetailTab("Connectors", "merchants:connectors", "connector.view", order=30),
        )
        AREAS.register("connector", PermissionArea("Connectors", order=40))
        PERMISSIONS.register("connector.view", Permission("view connectors", within_tenants=True))
        PERMISSIONS.register("connector.create", Permission("create connectors", within_tenants=True))
        PERMISSIONS.register("connector.update", Permission("change connectors", within_tenants=True))
        PERMISSIONS.register(
            "connector.reveal_secret",
            Permission(
                "view the secrets of a connector that was just created",
                short="view new secrets",
                within_tenants=True,
            ),
        )
