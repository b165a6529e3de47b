"""Django's entry for portal.staff."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from portal.staff.roles import roles_sync


class StaffConfig(AppConfig):
    """portal.staff"""

    name = "portal.staff"

    def ready(self) -> None:
        """The roles follow the code at every migrate."""
        post_migrate.connect(roles_sync, sender=self, dispatch_uid="portal.staff.roles")
