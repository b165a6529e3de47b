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


def adapter_named(name: str) -> Adapter | None:
    """The adapter, or None. Names are case-sensitive."""
    return _ADAPTERS.get(name)


def described(
    name: str, kind: str, text: str, required: bool = False, choices: list[str] | None = None, **more: Any
) -> Descriptor:
    """One configuration field in the published shape."""
    chosen = {"enum": choices} if choices else {}
    return {"name": name, "type": kind, "required": required, "description": text} | chosen | more


def _published(example: str) -> dict[str, Any]:
    value: dict[str, Any] = document()["components"]["examples"][example]["value"]
    return value


_CARDS = ("Creditcard",)
_HOST = described(
    "endpoint",
    "object",
    "Host connection",
    properties=[
        described("host", "string", "Host name", required=True),
        described("port", "string", "Port"),
        described("security", "select", "Transport security", choices=["tls1.2", "tls1.3"]),
    ],
)
_CONTACT = described(
    "contact",
    "object",
    "Technical contact",
    properties=[described("name", "string", "Name"), described("mail", "string", "E-mail address")],
)
_BRANDS = described(
    "brands",
    "array",
    "Card brands with their merchant ids",
    items={
        "type": "object",
        "properties": [
            described("brand", "select", "Brand", required=True, choices=["visa", "mastercard", "amex"]),
            described("merchantId", "string", "Merchant id at the acquirer", required=True),
            described("surcharge", "bool", "Surcharging allowed"),
        ],
    },
)

_ADAPTERS: dict[str, Adapter] = {
    # Published: one single descriptor instead of a list.
    "Simulator": Adapter(
        methods=("Creditcard", "DirectDebit", "Paypal", "Sofort", "Ideal"),
        base=_published("ConnectorSettingsSingle")["baseConfig"],
    ),
    # The published vault example, with the slips corrected that contradict what createConnector accepts.
    "SimulatorPci": Adapter(
        methods=_CARDS,
        base=_published("ConnectorSettingsVaultCorrected")["baseConfig"],
        vault=_published("ConnectorSettingsVaultCorrected")["vaultConfig"],
    ),
    "ExampleAcquirer": Adapter(
        methods=("Creditcard", "DirectDebit"),
        base=[
            described("merchantId", "string", "Merchant id at the acquirer", required=True),
            described("storeId", "string", "Store id"),
            described("descriptor", "string", "Text on the card statement"),
            described("dynamicDescriptor", "bool", "Take the statement text from the transaction"),
        ],
    ),
    "AlpinePay": Adapter(
        methods=("Creditcard", "Paypal"),
        base=[
            described(
                "region", "select", "Processing region", required=True, choices=["eu", "uk", "us", "apac"]
            ),
            described("captureMode", "select", "Capture", choices=["automatic", "manual", "delayed"]),
            described("apiVersion", "select", "API version", choices=["2024-01", "2026-06"]),
        ],
    ),
    "HarbourBank": Adapter(methods=("Creditcard", "DirectDebit"), base=[_HOST, _CONTACT]),
    "MeridianPsp": Adapter(
        methods=("Creditcard", "Ideal"),
        base=[described("accountCode", "string", "Account code", required=True), _BRANDS],
        vault=[
            described("tokenDomain", "select", "Token domain", choices=["merchant", "account"]),
            described("privateKey", "string", "Private key (PEM)"),
        ],
    ),
    "CashLine": Adapter(methods=("Prepaid", "Sofort")),
    "MetaConnector": Adapter(methods=("MetaConnector",)),
}
ADAPTERS: tuple[str, ...] = tuple(_ADAPTERS)
METHODS: tuple[str, ...] = tuple(dict.fromkeys(m for adapter in _ADAPTERS.values() for m in adapter.methods))
