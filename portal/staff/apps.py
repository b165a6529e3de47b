"""Django's entry for portal.staff."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_migrate

from portal.staff.roles import ROLES, roles_sync


class StaffConfig(AppConfig):
    """portal.staff"""

    name = "portal.staff"

    def ready(self) -> None:
        """The roles follow the code at every migrate; sessions are marked where they begin."""
        from django.contrib.auth.signals import user_logged_in

        from portal.staff.sessions import session_began

        user_logged_in.connect(session_began, dispatch_uid="portal.staff.sessions.began")
        unknown = set(settings.SECOND_FACTOR_ROLES) - {*ROLES, "*"}
        if unknown:
            raise ImproperlyConfigured(f"SECOND_FACTOR_ROLES names no role: {', '.join(sorted(unknown))}.")
        post_migrate.connect(roles_sync, sender=self, dispatch_uid="portal.staff.roles")
