"""Django's entry for portal.form_drafts."""

from datetime import timedelta

from django.apps import AppConfig

from portal.tasks.periodic import register_housekeeping
from provisioning.encrypted_fields import EncryptedField, register_encrypted_field


class FormDraftsConfig(AppConfig):
    """portal.form_drafts"""

    name = "portal.form_drafts"

    def ready(self) -> None:
        """Register the home card, the removal of old drafts, and the sealed columns."""
        from portal.form_drafts.dashboard import register_home_card
        from portal.form_drafts.models import FormDraft
        from portal.form_drafts.services import remove_expired

        register_home_card()
        register_housekeeping(remove_expired, every=timedelta(minutes=1))
        columns = {name: lambda draft, name=name: draft.context(name) for name in FormDraft.SEALED}
        register_encrypted_field(EncryptedField("Unsent forms", FormDraft, columns))
