"""Django's entry for portal.audit."""

from datetime import timedelta

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea
from portal.tasks.periodic import HOUSEKEEPING, PERIODIC_TASKS, Housekeeping, PeriodicTask


class AuditConfig(AppConfig):
    """Configure the audit trail."""

    name = "portal.audit"

    def ready(self) -> None:
        """Check the receivers and register checks, cards, tasks, permissions and navigation."""
        from portal.audit import exports
        from portal.audit.anchors import write_due_anchor
        from portal.audit.dashboard import register_cards
        from portal.audit.denials import record_denial_sums
        from portal.audit.forwarding.delivery import get_forwarders
        from portal.audit.health import register_checks
        from portal.audit.retention import archives
        from portal.audit.verification import jobs

        get_forwarders()
        register_checks()
        register_cards()
        jobs.register_tasks()
        exports.register_tasks()
        archives.register_tasks()
        PERIODIC_TASKS.register(
            "audit.verify", PeriodicTask(jobs.start_daily_verification, every=timedelta(days=1))
        )
        PERIODIC_TASKS.register(
            "audit.archive", PeriodicTask(archives.start_daily_archiving, every=timedelta(days=1))
        )
        HOUSEKEEPING.register("sums of denials", Housekeeping(record_denial_sums, every=timedelta(minutes=1)))
        HOUSEKEEPING.register("anchors", Housekeeping(write_due_anchor, every=timedelta(seconds=30)))
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
