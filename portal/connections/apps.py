"""Django's entry for portal.connections."""

from datetime import timedelta

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea


class ConnectionsConfig(AppConfig):
    """Configure the pages of connections.

    The label differs from that of provisioning.credentials, which owns the tables.
    """

    name = "portal.connections"
    label = "portal_connections"

    def ready(self) -> None:
        """Register home page cards, notices about rejected credentials and the deletion of expired ones."""
        from portal.connections.credential_actions import destroy_expired_credentials
        from portal.connections.dashboard import register_dashboard_cards
        from portal.connections.notifications import register_notifications
        from portal.tasks.periodic import HOUSEKEEPING, Housekeeping

        register_dashboard_cards()
        register_notifications()
        HOUSEKEEPING.register(
            "expired credentials", Housekeeping(destroy_expired_credentials, every=timedelta(minutes=5))
        )
        NAVIGATION.register(
            "connections",
            NavItem(
                "Connections", "connections:list", "plug-connected", Section.OVERSIGHT, "connection.view"
            ),
        )
        AREAS.register("connection", PermissionArea("Connections", order=70))
        PERMISSIONS.register("connection.view", Permission("view connections", within_tenants=True))
        PERMISSIONS.register("connection.create", Permission("add connections", step_up=True))
        PERMISSIONS.register(
            "connection.update", Permission("change, pause and resume connections", step_up=True)
        )
        AREAS.register("credential", PermissionArea("Stored credentials", order=75))
        PERMISSIONS.register("credential.reset", Permission("reset stored credentials", step_up=True))
