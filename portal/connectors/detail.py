"""What a connector's page says: facts, which secrets are stored, settings, terminals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.connectors.forms import POSTBACK_FORMATS, TRANSACTION_TYPES, ConnectorEditForm
from portal.core.choices import country_choices, language_choices
from portal.core.forms import ABSENT, look_up
from provisioning import contract
from provisioning.contract.connector_settings import get_setting_note
from provisioning.gateway.secrets import Sealed

Rows = list[tuple[str, Any]]

_FACTS = {
    "Connector": ("adapter", "method", "description", "businessCountry", "alias", "provider"),
    "Transactions": (
        "disabledTransactionTypes", "postbackFormat", "scheduleApiAvailable", "virtualTerminalAvailable",
        "customerProfileContainer", "defaultRiskRuleSet", "vtRiskRuleSet",
    ),
}  # fmt: skip
_CREDENTIALS = ("sharedSecret", "config.password", "config.apiSecret", "config.extraData", "config.vault")
_META = {
    "routingMetaConnector": "by rules (routing)",
    "multiMethodMetaConnector": "by the customer’s choice (multi-method)",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One gateway setting. `help` is the contract's description; a secret one has no value."""

    key: str
    value: Any
    secret: bool
    help: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The values of one connector, ready for the page. Not `fresh`: from the index, without secrets."""

    values: Mapping[str, Any]
    fresh: bool = True

    @property
    def test_mode(self) -> bool:
        """In test mode; a connector that does not say so is live."""
        return look_up(self.values, "config.testMode") is True

    @property
    def meta(self) -> str:
        """How a meta-connector chooses, in words; "" for a regular connector."""
        found = next((words for name, words in _META.items() if name in self.values), "")
        marked = self.values.get("isMetaConnector") or self.values.get("adapter") == "MetaConnector"
        return found or ("in a way that the gateway does not show" if marked else "")

    @property
    def meta_facts(self) -> Rows:
        """The base data of the meta-connector, as the gateway names it."""
        found: Mapping[str, Any] = next(
            (self.values[name] for name in _META if isinstance(self.values.get(name), Mapping)), {}
        )
        return [(str(key), value) for key, value in found.items()]

    @property
    def facts(self) -> list[tuple[str, Rows]]:
        """Section → (label, value) of the properties that are not secret."""
        return [(title, [self._fact(name) for name in names]) for title, names in _FACTS.items()]

    @property
    def access(self) -> Rows:
        """The identifiers that shops and the provider use for this connector."""
        return [self._fact("config.username"), self._fact("config.language")]

    @property
    def credentials(self) -> list[tuple[str, bool]]:
        """(label, stored?) of every secret; never a value."""
        return [
            (_LABELS[name], look_up(self.values, name) not in (ABSENT, None, "", {}, []))
            for name in _CREDENTIALS
        ]

    @property
    def terminals(self) -> list[Mapping[str, Any]]:
        """The terminals that the gateway tells of."""
        return [row for row in self.values.get("terminals") or [] if isinstance(row, Mapping)]

    @property
    def settings(self) -> list[Setting]:
        """Gateway settings by key, with what the contract says about each."""
        known = contract.schema("ConnectorSettings")["properties"]
        stored = self.values.get("settings") or {}
        return [
            Setting(key, None if isinstance(value, Sealed) else value, isinstance(value, Sealed),
                    known.get(key, {}).get("description", "") or get_setting_note(key))
            for key, value in sorted(stored.items())
        ]  # fmt: skip

    def _fact(self, name: str) -> tuple[str, Any]:
        """Return the label and the value, codes with the names that people know."""
        value: Any = look_up(self.values, name)
        names = {"businessCountry": country_choices, "config.language": language_choices}
        if value is ABSENT:
            value = None
        elif name == "disabledTransactionTypes" and isinstance(value, list):
            value = [dict(TRANSACTION_TYPES).get(each, each) for each in value]
        elif name in names:
            value = dict(names[name]()).get(str(value), value)
        elif name == "postbackFormat":
            value = dict(POSTBACK_FORMATS).get(str(value), value)
        return _LABELS[name], value


_LABELS: dict[str, str] = {
    name: str(field.label)
    for name, field in {**ConnectorEditForm.base_fields, **ConnectorEditForm.nested}.items()
}
