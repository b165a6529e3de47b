"""Django's entry for portal.connectors."""

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea


class ConnectorsConfig(AppConfig):
    """portal.connectors"""

    name = "portal.connectors"

    def ready(self) -> None:
        """Have drafts keep settings like a secret if one of them is."""
        from portal.connectors.columns import COLUMNS
        from portal.connectors.forms import holds_secret_settings
        from portal.directory.list_views import LIST_COLUMNS
        from portal.form_drafts.services import register_secret_text

        register_secret_text("settings", holds_secret_settings)
        LIST_COLUMNS.register("connector", COLUMNS)
        NAVIGATION.register(
            "connectors",
            NavItem("Connectors", "connectors:list", "route", Section.CONNECTION, "connector.view"),
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
