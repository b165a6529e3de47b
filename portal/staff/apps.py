"""Django's entry for portal.staff."""

from datetime import timedelta

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from portal.core.health import DETAIL_READERS
from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea
from portal.staff.roles import sync_roles
from portal.tasks.periodic import HOUSEKEEPING, Housekeeping
from provisioning.encrypted_fields import ENCRYPTED_FIELDS


class StaffConfig(AppConfig):
    """Configure users, roles and sign-in."""

    name = "portal.staff"

    def ready(self) -> None:
        """Register pages, permissions, cards and encrypted fields; store the roles after every migrate."""
        from django.contrib.auth.signals import user_logged_in

        from portal.staff import access_review, access_seals, mfa_resets, security_notices
        from portal.staff.mfa import MfaSecrets, may_read_trail
        from portal.staff.sessions import delete_expired_sessions, start_session

        DETAIL_READERS.append(may_read_trail)
        access_seals.connect_signals()
        user_logged_in.connect(start_session, dispatch_uid="portal.staff.sessions.began")
        ENCRYPTED_FIELDS.register("Second factors", MfaSecrets())
        access_review.register_card()
        HOUSEKEEPING.register(
            "expired sessions", Housekeeping(delete_expired_sessions, every=timedelta(hours=1))
        )
        mfa_resets.register_card()
        security_notices.register_card()
        post_migrate.connect(sync_roles, sender=self, dispatch_uid="portal.staff.roles")
        post_migrate.connect(
            access_seals.seal_after_upgrade, sender=self, dispatch_uid="portal.staff.access_seals"
        )
        NAVIGATION.register(
            "staff",
            NavItem(
                "Staff",
                "staff:list",
                "users",
                Section.OVERSIGHT,
                "staff.view",
                apart=("staff:profile", "staff:sessions"),
                order=60,
            ),
        )
        AREAS.register("staff", PermissionArea("Staff", order=80))
        PERMISSIONS.register("staff.view", Permission("view staff"))
        PERMISSIONS.register("staff.create", Permission("add staff", step_up=True))
        PERMISSIONS.register(
            "staff.update",
            Permission("change roles and tenant access of staff, and disable or enable them", step_up=True),
        )
        AREAS.register("role", PermissionArea("Roles", order=85))
        PERMISSIONS.register("role.update", Permission("create, change and delete roles", step_up=True))
        AREAS.register("access", PermissionArea("Access reviews", order=90))
        PERMISSIONS.register(
            "access.review", Permission("sign off access reviews", short="sign off", step_up=True)
        )
