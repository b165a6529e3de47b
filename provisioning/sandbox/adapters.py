"""The adapters this gateway knows, their payment methods and the fields that describe their configuration.

No operation of the contract lists adapters; the names beyond the three published ones are invented.
"""

from dataclasses import dataclass, field
from typing import Any

from provisioning.contract import document

Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: `base` describes config.extraData, `vault` config.vault; lists, one descriptor, or {}."""

    methods: tuple[str, ...]
    base: list[Descriptor] | Descriptor = field(default_factory=dict)
    vault: list[Descriptor] | Descriptor = field(default_factory=dict)


def descriptor_list(published: list[Descriptor] | Descriptor) -> list[Descriptor]:
    """Return descriptors as a list, in whichever of the published shapes they are (list, single one, {})."""
    if isinstance(published, list):
        return published
    return [published] if published else []


def get_adapter(name: str) -> Adapter | None:
    """Return the adapter, or None. Names are case-sensitive."""
    return _ADAPTERS.get(name)


def describe_settings(
    name: str, kind: str, text: str, required: bool = False, choices: list[str] | None = None, **more: Any
) -> Descriptor:
    """Return one configuration field in the published shape."""
    chosen = {"enum": choices} if choices else {}
    return {"name": name, "type": kind, "required": required, "description": text} | chosen | more


def _get_example(example: str) -> dict[str, Any]:
    value: dict[str, Any] = document()["components"]["examples"][example]["value"]
    return value


_CARDS = ("Creditcard",)
_HOST = describe_settings(
    "endpoint",
    "object",
    "Host connection",
    properties=[
        describe_settings("host", "string", "Host name", required=True),
        describe_settings("port", "string", "Port"),
        describe_settings("security", "select", "Transport security", choices=["tls1.2", "tls1.3"]),
    ],
)
_CONTACT = describe_settings(
    "contact",
    "object",
    "Technical contact",
    properties=[
        describe_settings("name", "string", "Name"),
        describe_settings("mail", "string", "E-mail address"),
    ],
)
_BRANDS = describe_settings(
    "brands",
    "array",
    "Card brands with their merchant ids",
    items={
        "type": "object",
        "properties": [
            describe_settings(
                "brand", "select", "Brand", required=True, choices=["visa", "mastercard", "amex"]
            ),
            describe_settings("merchantId", "string", "Merchant id at the acquirer", required=True),
            describe_settings("surcharge", "bool", "Surcharging allowed"),
        ],
    },
)

_ADAPTERS: dict[str, Adapter] = {
    # Published: one single descriptor instead of a list.
    "Simulator": Adapter(
        methods=("Creditcard", "DirectDebit", "Paypal", "Sofort", "Ideal"),
        base=_get_example("ConnectorSettingsSingle")["baseConfig"],
    ),
    # The published vault example, with the slips corrected that contradict what createConnector accepts.
    "SimulatorPci": Adapter(
        methods=_CARDS,
        base=_get_example("ConnectorSettingsVaultCorrected")["baseConfig"],
        vault=_get_example("ConnectorSettingsVaultCorrected")["vaultConfig"],
    ),
    "ExampleAcquirer": Adapter(
        methods=("Creditcard", "DirectDebit"),
        base=[
            describe_settings("merchantId", "string", "Merchant id at the acquirer", required=True),
            describe_settings("storeId", "string", "Store id"),
            describe_settings("descriptor", "string", "Text on the card statement"),
            describe_settings("dynamicDescriptor", "bool", "Take the statement text from the transaction"),
        ],
    ),
    "AlpinePay": Adapter(
        methods=("Creditcard", "Paypal"),
        base=[
            describe_settings(
                "region", "select", "Processing region", required=True, choices=["eu", "uk", "us", "apac"]
            ),
            describe_settings("captureMode", "select", "Capture", choices=["automatic", "manual", "delayed"]),
            describe_settings("apiVersion", "select", "API version", choices=["2024-01", "2026-06"]),
        ],
    ),
    "HarbourBank": Adapter(methods=("Creditcard", "DirectDebit"), base=[_HOST, _CONTACT]),
    "MeridianPsp": Adapter(
        methods=("Creditcard", "Ideal"),
        base=[describe_settings("accountCode", "string", "Account code", required=True), _BRANDS],
        vault=[
            describe_settings("tokenDomain", "select", "Token domain", choices=["merchant", "account"]),
            describe_settings("privateKey", "string", "Private key (PEM)"),
        ],
    ),
    "CashLine": Adapter(methods=("Prepaid", "Sofort")),
    "MetaConnector": Adapter(methods=("MetaConnector",)),
}
ADAPTERS: tuple[str, ...] = tuple(_ADAPTERS)
METHODS: tuple[str, ...] = tuple(dict.fromkeys(m for adapter in _ADAPTERS.values() for m in adapter.methods))
