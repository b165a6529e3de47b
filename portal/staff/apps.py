"""Django's entry for portal.staff."""

from datetime import timedelta

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from portal.core.health import TOLD
from portal.staff.roles import roles_sync
from portal.tasks.periodic import housekeeping_register
from provisioning.encrypted_fields import place_register


class StaffConfig(AppConfig):
    """portal.staff"""

    name = "portal.staff"

    def ready(self) -> None:
        """Roles follow the code at every migrate, sessions are marked at their begin, sealed things named."""
        from django.contrib.auth.signals import user_logged_in

        from portal.staff import access_seals, access_views, mfa_policy, mfa_reset_mail, security_notices  # noqa: F401 - registers its check
        from portal.staff.mfa import SecondFactors, reads_the_trail
        from portal.staff.sessions import session_began, sessions_forget_expired

        TOLD.append(reads_the_trail)
        access_seals.connect()
        user_logged_in.connect(session_began, dispatch_uid="portal.staff.sessions.began")
        place_register(SecondFactors())
        access_views.home_register()
        housekeeping_register(sessions_forget_expired, every=timedelta(hours=1))
        mfa_reset_mail.home_register()
        security_notices.home_register()
        post_migrate.connect(roles_sync, sender=self, dispatch_uid="portal.staff.roles")
        post_migrate.connect(
            access_seals.seal_after_upgrade, sender=self, dispatch_uid="portal.staff.access_seals"
        )
