"""Django's entry for portal.connections."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """portal.connections; its label sets it apart from provisioning.connections, where the rows live."""

    name = "portal.connections"
    label = "portal_connections"
