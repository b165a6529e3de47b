"""Django's entry for portal.connectors."""

from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    """portal.connectors"""

    name = "portal.connectors"
