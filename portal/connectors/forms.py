"""Forms of regular connectors: secrets are sealed, blank ones keep, settings go as differences."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from portal.connectors.field_types import (
    JsonObjectField,
    SuggestField,
    SuggestInput,
    TerminalsField,
    keep_hidden_values,
)
from portal.core.choices import country_choices, country_synonyms, language_choices, language_synonyms
from portal.core.field_types import IdField, KeyField, SecretField, TextField
from portal.core.form_rendering import SearchableSelect
from portal.core.forms import ABSENT, PayloadForm, Section, look_up
from provisioning import contract
from provisioning.contract.connector_settings import find_setting_problem, get_setting_note
from provisioning.gateway.responses import seal_secrets
from provisioning.gateway.secrets import Sealed

_SECRET_SETTINGS = {path[1] for path in contract.secret_paths("ConnectorCreate") if path[0] == "settings"}
_OTHER_PAGE = "Meta-connectors and their rules are not edited in this form."
_GENERATED = "Leave blank to generate one; it is shown once after creation."
TRANSACTION_TYPES = [
    (name, name.replace("_", " ").capitalize()) for name in contract.schema("TransactionType")["enum"]
]
POSTBACK_FORMATS = [("", "Not set"), *contract.enum_descriptions("PostbackFormat").items()]


def _text(label: str, help_text: str = "", **options: Any) -> TextField:
    return TextField(label=label, help_text=help_text, required=False, **options)


def _key(label: str, help_text: str = "", **options: Any) -> KeyField:
    return KeyField(label=label, help_text=help_text, required=False, **options)


def _secret(label: str, help_text: str = "", **options: Any) -> SecretField:
    return SecretField(label=label, help_text=help_text, required=False, **options)


def _flag(label: str, help_text: str = "", **options: Any) -> forms.BooleanField:
    return forms.BooleanField(label=label, help_text=help_text, required=False, **options)


def _make_suggest_field(label: str, help_text: str, *seen: str) -> SuggestField:
    field = SuggestField(label=label, help_text=help_text, widget=SuggestInput)
    field.widget.suggestions = seen
    return field


def _object(label: str, help_text: str, *, within: str) -> JsonObjectField:
    return JsonObjectField(label=label, help_text=help_text, required=False, within=within)


class ConnectorForm(PayloadForm):
    """What create and edit share."""

    sections = (
        Section("Connector", ("name", "adapter", "method", "description", "businessCountry", "disabled")),
        Section(
            "Keys",
            ("apiKey", "publicIntegrationKey", "sharedSecret"),
            help="How shops address this connector.",
        ),
        Section(
            "Credentials at the provider",
            ("config.testMode", "config.username", "config.password", "config.apiSecret", "config.language"),
            help="Stored by the gateway and never shown again.",
        ),
        Section(
            "Transactions",
            (
                "disabledTransactionTypes",
                "postbackFormat",
                "scheduleApiAvailable",
                "virtualTerminalAvailable",
            ),
        ),
        Section(
            "Risk, profiles and provider",
            ("provider", "alias", "customerProfileContainer", "defaultRiskRuleSet", "vtRiskRuleSet"),
            help="IDs as the platform shows them.",
            advanced=True,
        ),
        Section(
            "Terminals",
            ("terminals",),
            help="Only for ISO 8583 connectors. STAN and capture reference can be set but not read back.",
            advanced=True,
        ),
        Section(
            "Gateway settings and adapter values",
            ("settings", "config.extraData", "config.vault"),
            help="Enter these as JSON, as the API takes them.",
            advanced=True,
        ),
    )
    nested = {
        "config.username": _key("Username", "The login at the provider, if the adapter needs one."),
        "config.password": _secret("Password", "The password for this username, if the adapter needs one."),
        "config.apiSecret": _secret("API secret", "The provider’s key or token, if the adapter needs one."),
        "config.extraData": _object(
            "Adapter values",
            "A JSON object. Masked once stored, because it may contain secrets.",
            within="config.extraData",
        ),
        "config.language": forms.ChoiceField(
            label="Language",
            required=False,
            help_text="Type its name or its two-letter code.",
            choices=language_choices,
            widget=SearchableSelect(language_synonyms),
        ),
        "config.testMode": _flag(
            "Test mode", "New connectors start in test mode. Turn test mode off to take real payments."
        ),
        "config.vault": _object(
            "Vault values",
            "A JSON object for vault adapters, for example threeDV2Config. Masked once stored.",
            within="config.vault",
        ),
    }
    name = TextField(
        label="Name",
        min_length=3,
        help_text="At least 3 characters, such as merchant, country, method, provider: “ACME AR CC Xyz”.",
    )
    adapter = _make_suggest_field("Adapter", "The provider integration.", "Simulator", "SimulatorPci")
    method = _make_suggest_field("Method", "The payment method.", "Creditcard", "DirectDebit", "Paypal")
    apiKey = KeyField(  # noqa: N815
        label="API key",
        max_length=50,
        validators=[RegexValidator(r"^\S+$", "An API key has no spaces.")],
        help_text="Selects this connector in the transaction API. Unique, no spaces, at most 50 characters.",
    )
    publicIntegrationKey = _key(  # noqa: N815
        "Public integration key", "For payment.js in the browser. Leave blank to generate one."
    )
    sharedSecret = _secret(  # noqa: N815
        "Shared secret", f"Signs requests; at most 50 characters. {_GENERATED}", max_length=50
    )
    businessCountry = forms.ChoiceField(  # noqa: N815
        label="Business country",
        required=False,
        help_text="Country of the business behind this connector. Type its name or code.",
        choices=country_choices,
        widget=SearchableSelect(country_synonyms),
    )
    customerProfileContainer = IdField(label="Customer-profile container", help_text="ID of the container.")  # noqa: N815
    defaultRiskRuleSet = IdField(label="Risk rule set", help_text="ID of the rule set for transactions.")  # noqa: N815
    vtRiskRuleSet = IdField(  # noqa: N815
        label="Risk rule set, virtual terminal", help_text="ID of the rule set for the virtual terminal."
    )
    description = _text("Description", "What this connector is for.", widget=forms.Textarea({"rows": 2}))
    disabled = _flag("Disabled", "A disabled connector processes nothing and cannot be a target of routing.")
    disabledTransactionTypes = forms.MultipleChoiceField(  # noqa: N815
        label="Disabled transaction types",
        required=False,
        help_text="Ticked types are disabled for this connector.",
        choices=TRANSACTION_TYPES,
        widget=forms.CheckboxSelectMultiple,
    )
    postbackFormat = forms.ChoiceField(  # noqa: N815
        label="Postback format",
        required=False,
        choices=POSTBACK_FORMATS,
        help_text="Format of the notifications to the shop. The first choice follows each request.",
    )
    provider = _key("Provider", "GUID of the provider, such as PR-1234-….", max_length=40)
    scheduleApiAvailable = _flag("Scheduler", "Recurring schedules may be created.")  # noqa: N815
    virtualTerminalAvailable = _flag("Virtual terminal", "May be used in the virtual terminal.")  # noqa: N815
    alias = _text(
        "Alias", "For global routing profiles, created on the platform: letters, digits, spaces, _ ( ) [ ]."
    )
    terminals = TerminalsField(label="Terminals", required=False)
    settings = _object("Gateway settings", 'Like {"tx:expiration-minutes": 900}.', within="settings")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._note_undocumented(self.initial.get("settings"))
        typed = str(self.data.get(self.add_prefix("settings"), ""))
        if holds_secret_settings(typed):
            # Typed among secrets, the whole text is treated as one: never drawn again, never remembered.
            self.fields["settings"].widget = forms.PasswordInput()
        # Credentials are kept under settings that the contract does not name: such text is not stored.
        self.fields["settings"].may_hold_secrets = not _is_documented(typed)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse values that the documentation of a setting rules out; what is stored already may stay."""
        cleaned = super().clean()
        settings, stored = cleaned.get("settings"), self.initial.get("settings")
        if isinstance(settings, Mapping):
            kept = stored if isinstance(stored, Mapping) else {}
            changed = {key: value for key, value in settings.items() if kept.get(key, ABSENT) != value}
            for problem in filter(None, (find_setting_problem(key, value) for key, value in changed.items())):
                self.add_error("settings", problem)
        self._note_undocumented(settings)
        return cleaned

    def _note_undocumented(self, settings: Any) -> None:
        """Say at the field which of the settings are not documented: a slip would have no effect, unsaid."""
        keys = settings if isinstance(settings, Mapping) else ()
        self.fields["settings"].notes = list(  # type: ignore[attr-defined]
            filter(None, (get_setting_note(str(key)) for key in keys))
        )

    def suggest(self, *, adapters: Iterable[str], methods: Iterable[str]) -> None:
        """Offer the adapters and methods that are known from other connectors."""
        for name, values in (("adapter", adapters), ("method", methods)):
            field = self.fields[name]
            if isinstance(field, SuggestField):
                field.suggest(values)

    def _outgoing(self, name: str, value: Any) -> Any:
        """Keep the values of terminals that the form does not show: the whole list is replaced."""
        if name == "terminals":
            value = keep_hidden_values(value or [], self.initial.get(name))
        return super()._outgoing(name, value)


class ConnectorCreateForm(ConnectorForm):
    """POST createConnector, for regular connectors. Blank secrets are not sent but generated."""

    schema = "ConnectorCreate"
    unsupported = {"routingMetaConnector": _OTHER_PAGE, "multiMethodMetaConnector": _OTHER_PAGE}

    def __init__(self, *args: Any, initial: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        defaults = {"config.testMode": True, "postbackFormat": "inherit"}
        super().__init__(*args, initial={**defaults, **(initial or {})}, **kwargs)

    def payload(self) -> dict[str, Any]:
        """Return the request body, with secret settings sealed too."""
        return seal_secrets(super().payload(), contract.secret_paths(self.schema))


class ConnectorEditForm(ConnectorForm):
    """PUT updateConnector. Settings are sent as addSettings and removeSettings, so that none is lost."""

    schema = "ConnectorUpdate"
    editing = True
    by_difference = frozenset({"settings"})
    unsupported = {
        "routingMetaConnector": _OTHER_PAGE,
        "multiMethodMetaConnector": _OTHER_PAGE,
        "addSettings": "Worked out from the settings added or changed.",
        "removeSettings": "Worked out from the settings taken away.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "sharedSecret"
        ].help_text = "Signs requests; at most 50 characters. It is never sent empty."
        self.fields["publicIntegrationKey"].help_text = "For payment.js in the browser."
        for name in ("config.extraData", "config.vault"):
            self.fields[name].help_text = "A JSON object that replaces the stored one. Enter all of it."

    def mark_kept(self, values: Mapping[str, Any]) -> None:
        """Mark the secret fields for which the gateway stores a value that a blank field keeps."""
        for name, field in self.fields.items():
            if super().is_secret(name):
                field.kept = look_up(values, name) is not ABSENT  # type: ignore[attr-defined]

    def partner_changes(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings to add or change and to remove. A secret that is absent stays stored."""
        if self.is_untouched("settings"):
            return {}
        wanted: dict[str, Any] = self.cleaned_data["settings"]
        stored: Mapping[str, Any] = current.get("settings") or {}
        added = {key: value for key, value in wanted.items() if not _is_same(stored.get(key, ABSENT), value)}
        removed = {
            key: value for key, value in stored.items() if key not in wanted and not isinstance(value, Sealed)
        }
        body = {name: found for name, found in (("addSettings", added), ("removeSettings", removed)) if found}
        return seal_secrets(body, contract.secret_paths(self.schema))

    def _may_be_empty(self, name: str) -> bool:
        """An emptied integration key might make the gateway generate another one unexpectedly."""
        return name != "publicIntegrationKey" and super()._may_be_empty(name)


def holds_secret_settings(typed: str) -> bool:
    """Return whether the text of the settings may contain a secret setting."""
    # A key may be written with escapes, in text that is not JSON yet, so any backslash counts.
    return "\\" in typed or any(key in typed for key in _SECRET_SETTINGS)


def _is_documented(typed: str) -> bool:
    """Return whether the text is empty or a JSON object of documented settings."""
    try:
        found = json.loads(typed.strip() or "{}")
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(found, dict) and found.keys() <= contract.schema("ConnectorSettings")["properties"].keys()
    )


def _is_same(stored: Any, typed: Any) -> bool:
    """Return whether two settings are equal with the same JSON type: 900 and "900" differ."""
    if isinstance(stored, Sealed):
        return bool(stored == Sealed(typed))
    return type(stored) is type(typed) and bool(stored == typed)
