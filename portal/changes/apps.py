"""Django's entry for portal.changes."""

from django.apps import AppConfig


class ChangesConfig(AppConfig):
    """portal.changes"""

    name = "portal.changes"
