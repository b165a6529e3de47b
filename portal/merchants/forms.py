"""Forms of merchants: every property of createMerchant and updateMerchant, in groups a person can follow."""

from django import forms

from portal.core.choices import (
    country_choices,
    country_synonyms,
    currency_choices,
    currency_synonyms,
    timezone_choices,
    timezone_synonyms,
)
from portal.core.field_types import EmailAddressField, IdField, TextField, WebAddressField
from portal.core.form_rendering import SearchableSelect
from portal.core.forms import PayloadForm, Section
from portal.merchants.transaction_types import TransactionTypesField

_FLAGS_HELP = "These take effect as soon as the merchant is saved."
_NOTIFIED = "Receives notifications about network tokens and account updates that belong to no connector."


class _MerchantForm(PayloadForm):
    """The properties of MerchantCreate, which are those of MerchantUpdate too."""

    sections = (
        Section(
            "Merchant",
            ("name", "homepage", "timezone", "defaultCurrency", "externalId"),
            help="Some tenants require more fields. You’ll be told if one is missing.",
        ),
        Section("Address", ("address", "zipCode", "city", "country")),
        Section(
            "Contacts",
            ("administrativeEmail", "technicalEmail", "riskAlertEmail", "schedulerAlertEmail"),
            help="Where the platform sends emails about this merchant.",
        ),
        Section("Notifications", ("eventNotificationUrl",)),
        Section("Risk", ("defaultRiskRuleSet", "defaultVtRiskRuleSet"), advanced=True),
        Section("Disabled transaction types", ("disabledTransactionTypes",), advanced=True),
        Section("State", ("disabled", "archived", "isPciEnabled"), help=_FLAGS_HELP, advanced=True),
    )

    name = TextField(
        label="Name",
        min_length=3,
        help_text="The name people will search for (at least 3 characters).",
    )
    homepage = WebAddressField(label="Website", help_text="For example https://www.example.org.")
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        widget=SearchableSelect(timezone_synonyms),
        help_text="Used for the merchant’s reports and schedules.",
    )
    defaultCurrency = forms.ChoiceField(  # noqa: N815
        label="Default currency",
        choices=currency_choices,
        widget=SearchableSelect(currency_synonyms),
        required=False,
        help_text="The merchant’s main currency. Type its name or code.",
    )
    externalId = TextField(  # noqa: N815
        label="External ID",
        required=False,
        help_text="The merchant’s ID in another system, for example your CRM.",
    )
    address = TextField(
        label="Address",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Street and number.",
    )
    zipCode = TextField(label="Postcode", required=False)  # noqa: N815
    city = TextField(label="City", required=False, help_text="Registered city.")
    country = forms.ChoiceField(
        label="Country",
        choices=country_choices,
        widget=SearchableSelect(country_synonyms),
        required=False,
        help_text="Type a name or a two-letter code.",
    )
    administrativeEmail = EmailAddressField(  # noqa: N815
        label="Administrative email", required=False, help_text="Contract and account matters."
    )
    technicalEmail = EmailAddressField(  # noqa: N815
        label="Technical email", required=False, help_text="Technical problems."
    )
    riskAlertEmail = EmailAddressField(  # noqa: N815
        label="Risk alerts", required=False, help_text="Alerts of the risk rules."
    )
    schedulerAlertEmail = EmailAddressField(  # noqa: N815
        label="Scheduler alerts", required=False, help_text="Problems with scheduled, recurring payments."
    )
    eventNotificationUrl = WebAddressField(  # noqa: N815
        label="Event notification URL", required=False, max_length=65535, help_text=_NOTIFIED
    )
    defaultRiskRuleSet = IdField(  # noqa: N815
        label="Default risk rule set",
        help_text="Its ID on the platform (a number).",
    )
    defaultVtRiskRuleSet = IdField(  # noqa: N815
        label="Risk rule set, virtual terminal", help_text="Its ID, for payments typed in by hand."
    )
    disabledTransactionTypes = TransactionTypesField(  # noqa: N815
        label="Disabled transaction types",
        help_text="Ticked types are not allowed for this merchant, even if a connector supports them.",
    )
    disabled = forms.BooleanField(
        label="Disabled",
        required=False,
        help_text="Disables the merchant with all its connectors and users at once.",
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


class MerchantCreateForm(_MerchantForm):
    """Create a merchant with the body of createMerchant."""

    schema = "MerchantCreate"


class MerchantEditForm(_MerchantForm):
    """POST updateMerchant: only what differs is sent."""

    schema = "MerchantUpdate"
