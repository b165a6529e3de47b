"""Django's entry for portal.connections."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """portal.connections; its label sets it apart from provisioning.connections, where the rows live."""

    name = "portal.connections"
    label = "portal_connections"

    def ready(self) -> None:
        """Puts the state of the connections onto the home page."""
        from portal.connections.home import home_register

        home_register()
