"""Django's entry for provisioning.connections."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """provisioning.connections"""

    name = "provisioning.connections"
