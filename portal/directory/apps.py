"""Django's entry for portal.directory."""

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    """portal.directory"""

    name = "portal.directory"
