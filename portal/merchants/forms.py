"""Forms of merchants: every property of createMerchant and updateMerchant, in groups a person can follow."""

from typing import Any

from django import forms

from portal.console.choices import country_choices, currency_choices, timezone_choices
from portal.console.forms import PayloadForm, Section
from portal.merchants.fields import CodeField, IdField, TransactionTypesField, WebAddressField

_FLAGS_HELP = "Ticked, this takes effect as soon as the merchant is saved."
_NOTIFIED = "Called about network tokens and account updates that belong to no connector."


class _MerchantForm(PayloadForm):
    """The properties of MerchantCreate, which are those of MerchantUpdate too."""

    sections = (
        Section(
            "Merchant",
            ("name", "homepage", "timezone", "defaultCurrency", "externalId"),
            help="A tenant may ask for more. The API does not say which fields: a refusal names them.",
        ),
        Section("Address", ("address", "zipCode", "city", "country")),
        Section(
            "Contacts",
            ("administrativeEmail", "technicalEmail", "riskAlertEmail", "schedulerAlertEmail"),
            help="Where the platform writes to about this merchant.",
        ),
        Section("Notifications", ("eventNotificationUrl",)),
        Section("Risk", ("defaultRiskRuleSet", "defaultVtRiskRuleSet"), advanced=True),
        Section("Switched-off transaction types", ("disabledTransactionTypes",), advanced=True),
        Section("State", ("disabled", "archived", "isPciEnabled"), help=_FLAGS_HELP, advanced=True),
    )

    name = forms.CharField(
        label="Name", min_length=3, help_text="At least 3 characters, as people will look for it."
    )
    homepage = WebAddressField(
        label="Web site", help_text="The merchant’s web site, for example https://www.example.org."
    )
    timezone = CodeField(
        label="Time zone",
        offered=timezone_choices,
        help_text="Used for the merchant’s reports and schedules.",
    )
    defaultCurrency = CodeField(  # noqa: N815
        label="Default currency",
        offered=currency_choices,
        required=False,
        help_text="The currency the merchant mostly uses; type its name or code.",
    )
    externalId = forms.CharField(  # noqa: N815
        label="External id",
        required=False,
        help_text="Id of the merchant in another system, for example your CRM.",
    )
    address = forms.CharField(
        label="Address",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Street and number.",
    )
    zipCode = forms.CharField(label="Postcode", required=False, help_text="As it stands on letters.")  # noqa: N815
    city = forms.CharField(label="City", required=False, help_text="Where the merchant has its seat.")
    country = CodeField(
        label="Country",
        offered=country_choices,
        required=False,
        help_text="Type a name or a two-letter code.",
    )
    administrativeEmail = forms.CharField(  # noqa: N815
        label="Administrative e-mail", required=False, help_text="Contract and account matters."
    )
    technicalEmail = forms.EmailField(  # noqa: N815
        label="Technical e-mail", required=False, help_text="Technical problems."
    )
    riskAlertEmail = forms.EmailField(  # noqa: N815
        label="Risk alerts", required=False, help_text="Alerts of the risk rules."
    )
    schedulerAlertEmail = forms.EmailField(  # noqa: N815
        label="Scheduler alerts", required=False, help_text="Problems with scheduled, recurring payments."
    )
    eventNotificationUrl = WebAddressField(  # noqa: N815
        label="Event notification URL", required=False, max_length=65535, help_text=_NOTIFIED
    )
    defaultRiskRuleSet = IdField(  # noqa: N815
        label="Default risk rule set",
        help_text="Its id on the platform (a number). The API has no list of them.",
    )
    defaultVtRiskRuleSet = IdField(  # noqa: N815
        label="Risk rule set of the virtual terminal", help_text="Its id, for payments typed in by hand."
    )
    disabledTransactionTypes = TransactionTypesField(  # noqa: N815
        label="Not allowed for this merchant",
        help_text="Tick what the merchant may not do, whatever a connector can.",
    )
    disabled = forms.BooleanField(
        label="Disabled",
        required=False,
        help_text="Switches off the merchant with all its connectors and users at once.",
    )
    archived = forms.BooleanField(
        label="Archived",
        required=False,
        help_text="In the platform’s own interface this also archives and disables connectors, users and "
        "templates; what the API does with them is not documented.",
    )
    isPciEnabled = forms.BooleanField(  # noqa: N815
        label="PCI enabled", required=False, help_text="The merchant handles card data itself."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if isinstance(field, CodeField):
                field.keep(self.initial.get(name))


class MerchantCreateForm(_MerchantForm):
    """POST createMerchant."""

    schema = "MerchantCreate"


class MerchantEditForm(_MerchantForm):
    """POST updateMerchant: only what differs is sent."""

    schema = "MerchantUpdate"
