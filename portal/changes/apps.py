"""Django's entry for portal.changes."""

from datetime import timedelta

from django.apps import AppConfig
from django.core.signals import request_started

from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea
from portal.tasks.periodic import housekeeping_register
from provisioning.encrypted_fields import EncryptedField, register_encrypted_field


class ChangesConfig(AppConfig):
    """portal.changes"""

    name = "portal.changes"

    def ready(self) -> None:
        """Register the home card, what is sealed, the warnings, and the work that is done regularly.

        An interrupted send becomes an unknown outcome within a minute: CHANGE_INTERRUPTED_AFTER plus this.
        """
        from portal.changes.dashboard import home_register
        from portal.changes.encrypted_payloads import payload_context, secrets_context
        from portal.changes.health import checks_register
        from portal.changes.models import Change
        from portal.changes.outcomes import outcomes_record_kept_soon
        from portal.changes.stale_changes import changes_interrupted_settle

        home_register()
        checks_register()
        housekeeping_register(changes_interrupted_settle, every=timedelta(seconds=10))
        request_started.connect(outcomes_record_kept_soon, dispatch_uid="portal.changes.outcomes")
        columns = {"sealed_payload": payload_context, "sealed_secrets": secrets_context}
        register_encrypted_field(
            EncryptedField("Changes not yet sent, secrets not yet shown", Change, columns)
        )
        NAVIGATION.register(
            "changes", NavItem("Changes", "changes:list", "list-check", Section.WORK, "change.view")
        )
        AREAS.register("change", PermissionArea("Changes", order=50))
        PERMISSIONS.register("change.view", Permission("view changes", within_tenants=True))
