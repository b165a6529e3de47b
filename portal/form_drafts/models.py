"""FormDraft: an unsent form of one user, encrypted. ClosedForm: a form that was sent."""

import uuid

from django.conf import settings
from django.db import models


class FormDraft(models.Model):
    """The values that a user typed into the form at `path`. Written only by portal.form_drafts.services.

    `form` is the nonce of the token of the form that writes it: two tabs with the same form have two drafts.
    `sealed_fields` holds title, values and the names of the secrets that were typed; `sealed_secrets` the
    secrets themselves, until `secrets_until`. `signed_out_saves` counts what was saved without a session.
    """

    SEALED = ("sealed_fields", "sealed_secrets")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="form_drafts")
    path = models.CharField(max_length=1000)
    form = models.CharField(max_length=32, default="")
    sealed_fields = models.TextField(blank=True)
    sealed_secrets = models.TextField(blank=True)
    secrets_until = models.DateTimeField(null=True)
    signed_out_saves = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField(db_index=True)

    class Meta:
        """One draft for each opened form of a person, newest first."""

        ordering = ["-updated_at"]
        constraints = [
            models.UniqueConstraint(fields=["user", "path", "form"], name="form_draft_one_per_opened_form")
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    def context(self, column: str) -> str:
        """Return what an encrypted column is bound to, so that no other row or user can decrypt it."""
        return f"form-draft:{self.pk}:{self.user_id}:{column}"


class ClosedForm(models.Model):
    """A form that was accepted or may have been sent: an autosave with its token's `nonce` saves nothing.

    `led_to` is the address to which the portal went after it accepted the form; "" if it did not.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="closed_forms")
    nonce = models.CharField(max_length=32)
    led_to = models.CharField(max_length=1000, default="")
    closed_at = models.DateTimeField(db_index=True)

    class Meta:
        """A form is closed once."""

        constraints = [models.UniqueConstraint(fields=["user", "nonce"], name="form_closed_once")]

    def __str__(self) -> str:
        return f"closed form {self.pk}"
