"""The form of a tenant: every property of updateTenant."""

from django import forms

from portal.core.choices import currency_choices, currency_synonyms
from portal.core.field_types import EmailAddressField, TextField
from portal.core.form_rendering import SearchableSelect
from portal.core.forms import PayloadForm, Section


class TenantEditForm(PayloadForm):
    """POST updateTenant: only what differs is sent."""

    schema = "TenantUpdate"
    sections = (
        Section("Tenant", ("name", "defaultCurrency")),
        Section(
            "Email",
            ("mailSenderName", "mailSenderAddress"),
            help="The sender of the platform’s emails to this tenant’s users.",
        ),
    )

    name = TextField(label="Name", required=False, help_text="The name shown on the platform.")
    defaultCurrency = forms.ChoiceField(  # noqa: N815
        label="Default currency",
        required=False,
        choices=currency_choices,
        widget=SearchableSelect(currency_synonyms),
        help_text="Preselected wherever an amount is entered.",
    )
    mailSenderName = TextField(  # noqa: N815
        label="Sender name", required=False, help_text="The sender’s name in the platform’s emails."
    )
    mailSenderAddress = EmailAddressField(  # noqa: N815
        label="Sender address", required=False, help_text="The sender’s email address."
    )
