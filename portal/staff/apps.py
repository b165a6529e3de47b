"""Django's entry for portal.staff."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from portal.staff.roles import roles_sync


class StaffConfig(AppConfig):
    """portal.staff"""

    name = "portal.staff"

    def ready(self) -> None:
        """The roles follow the code at every migrate; sessions are marked where they begin."""
        from allauth.account.signals import authentication_step_completed
        from django.contrib.auth.signals import user_logged_in

        from portal.staff.sessions import session_began, step_up_taken

        user_logged_in.connect(session_began, dispatch_uid="portal.staff.sessions.began")
        authentication_step_completed.connect(step_up_taken, dispatch_uid="portal.staff.sessions.step_up")
        post_migrate.connect(roles_sync, sender=self, dispatch_uid="portal.staff.roles")
