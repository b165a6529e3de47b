"""Django's entry for portal.changes."""

from datetime import timedelta

from django.apps import AppConfig
from django.core.signals import request_started

from portal.core.health import WARNINGS
from portal.core.navigation import NAVIGATION, NavItem, Section
from portal.core.permissions import AREAS, PERMISSIONS, Permission, PermissionArea
from portal.tasks.periodic import HOUSEKEEPING, Housekeeping
from provisioning.encrypted_fields import ENCRYPTED_FIELDS, EncryptedField


class ChangesConfig(AppConfig):
    """Configure changes to gateway data."""

    name = "portal.changes"

    def ready(self) -> None:
        """Register the card, the encrypted fields, the warnings, the check of forms and the periodic tasks.

        An interrupted change gets an unknown outcome within a minute: CHANGE_INTERRUPTED_AFTER and 10 s.
        """
        from portal.changes.dashboard import register_home_card
        from portal.changes.models import Change
        from portal.changes.outcomes import (
            check_unknown_outcomes,
            check_unrecorded_outcomes,
            record_spooled_outcomes_soon,
            settle_stale_changes,
        )
        from portal.changes.permissions import may_have_sent_form, may_open_form
        from portal.changes.records import payload_context, secrets_context
        from portal.form_drafts.services import PAGE_CHECKS, SENT_CHECKS

        register_home_card()
        WARNINGS.register("unknown outcomes", check_unknown_outcomes)
        WARNINGS.register("unrecorded outcomes", check_unrecorded_outcomes)
        PAGE_CHECKS.register("changes and entities", may_open_form)
        SENT_CHECKS.register("changes", may_have_sent_form)
        HOUSEKEEPING.register(
            "stale changes", Housekeeping(settle_stale_changes, every=timedelta(seconds=10))
        )
        request_started.connect(record_spooled_outcomes_soon, dispatch_uid="portal.changes.outcomes")
        columns = {"sealed_payload": payload_context, "sealed_secrets": secrets_context}
        ENCRYPTED_FIELDS.register(
            "Changes not yet sent, secrets not yet shown", EncryptedField(Change, columns)
        )
        NAVIGATION.register(
            "changes", NavItem("Changes", "changes:list", "list-check", Section.WORK, "change.view")
        )
        AREAS.register("change", PermissionArea("Changes", order=50))
        PERMISSIONS.register("change.view", Permission("view changes", within_tenants=True))
