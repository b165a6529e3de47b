"""Django's entry for portal.connections."""

from datetime import timedelta

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """portal.connections; its label sets it apart from provisioning.credentials, where the rows live."""

    name = "portal.connections"
    label = "portal_connections"

    def ready(self) -> None:
        """Cards for the home page, ears for credentials turned down, and an end for outdated ones."""
        from portal.connections.credential_actions import credentials_outdated_destroy
        from portal.connections.dashboard import home_register
        from portal.connections.notifications import notices_register
        from portal.tasks.periodic import housekeeping_register

        home_register()
        notices_register()
        housekeeping_register(credentials_outdated_destroy, every=timedelta(minutes=5))
