"""Django's entry for portal.console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """portal.console"""

    name = "portal.console"
