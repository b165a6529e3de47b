"""Django's entry for portal.form_drafts."""

from datetime import timedelta

from django.apps import AppConfig

from portal.tasks.periodic import HOUSEKEEPING, Housekeeping
from provisioning.encrypted_fields import ENCRYPTED_FIELDS, EncryptedField


class FormDraftsConfig(AppConfig):
    """Configure the storage of unsent forms."""

    name = "portal.form_drafts"

    def ready(self) -> None:
        """Register the home card, the removal of old drafts, and the sealed columns."""
        from portal.form_drafts.dashboard import register_home_card
        from portal.form_drafts.models import FormDraft
        from portal.form_drafts.services import remove_expired

        register_home_card()
        HOUSEKEEPING.register("expired form drafts", Housekeeping(remove_expired, every=timedelta(minutes=1)))
        columns = {name: lambda draft, name=name: draft.context(name) for name in FormDraft.SEALED}
        ENCRYPTED_FIELDS.register("Unsent forms", EncryptedField(FormDraft, columns))
