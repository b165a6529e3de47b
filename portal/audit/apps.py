"""Django's entry for portal.audit."""

from datetime import timedelta

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea
from portal.tasks.periodic import housekeeping_register, periodic_register


class AuditConfig(AppConfig):
    """portal.audit"""

    name = "portal.audit"

    def ready(self) -> None:
        """A wrong receiver is found at the start; ready-check, home page and workers learn of the trail."""
        from portal.audit import background_exports
        from portal.audit.anchors import anchor_when_due
        from portal.audit.dashboard import home_register
        from portal.audit.denials import denials_sum_up
        from portal.audit.forwarding.delivery import feeds_configured
        from portal.audit.health import checks_register
        from portal.audit.retention import background as archiving
        from portal.audit.verification import jobs

        feeds_configured()
        checks_register()
        home_register()
        jobs.kinds_register()
        background_exports.kinds_register()
        archiving.kinds_register()
        periodic_register("audit.verify", jobs.verification_start_daily, every=timedelta(days=1))
        periodic_register("audit.archive", archiving.archiving_start_daily, every=timedelta(days=1))
        housekeeping_register(denials_sum_up, every=timedelta(minutes=1))
        housekeeping_register(anchor_when_due, every=timedelta(seconds=30))
        NAVIGATION.register(
            "audit", NavItem("Audit trail", "audit:list", "history", Section.OVERSIGHT, "audit.view")
        )
        AREAS.register("audit", PermissionArea("Audit trail", order=60))
        PERMISSIONS.register("audit.view", Permission("read the audit trail"))
        PERMISSIONS.register("audit.export", Permission("export the audit trail", step_up=True))
        PERMISSIONS.register("audit.verify", Permission("verify the audit trail"))
        PERMISSIONS.register(
            "audit.review", Permission("sign off daily reviews of the audit trail", short="sign off")
        )
        PERMISSIONS.register(
            "audit.share_filter",
            Permission("share saved filters of the audit trail with a role", short="share filters"),
        )
