"""The form of a tenant: every property of updateTenant."""

from typing import Any

from django import forms

from portal.console.choices import currency_choices
from portal.console.forms import PayloadForm, Section


class TenantEditForm(PayloadForm):
    """POST updateTenant: only what differs is sent."""

    schema = "TenantUpdate"
    sections = (
        Section("Tenant", ("name", "defaultCurrency")),
        Section(
            "Mail",
            ("mailSenderName", "mailSenderAddress"),
            help="From whom the platform’s mails to this tenant’s people come.",
        ),
    )

    name = forms.CharField(label="Name", required=False, help_text="As it is shown on the platform.")
    defaultCurrency = forms.ChoiceField(  # noqa: N815
        label="Default currency",
        required=False,
        choices=currency_choices,
        widget=forms.Select(attrs={"data-searchable": ""}),
        help_text="Offered first wherever an amount is entered.",
    )
    mailSenderName = forms.CharField(  # noqa: N815
        label="Sender name", required=False, help_text="Sender name of the platform’s mails."
    )
    mailSenderAddress = forms.EmailField(  # noqa: N815
        label="Sender address", required=False, help_text="A complete e-mail address."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = str(self.initial.get("defaultCurrency") or "")
        currency = self.fields["defaultCurrency"]
        if isinstance(currency, forms.ChoiceField) and stored and not currency.valid_value(stored):
            currency.choices = [*currency_choices(), (stored, f"{stored} (as stored)")]
