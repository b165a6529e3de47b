"""Django's entry for portal.staff."""

from django.apps import AppConfig


class StaffConfig(AppConfig):
    """portal.staff"""

    name = "portal.staff"
