"""The entities of the published examples, under the GUIDs the published request bodies refer to."""

import copy
from typing import Any

from provisioning.contract import document
from provisioning.sandbox.merchant_users import add_user_record
from provisioning.sandbox.models import Record
from provisioning.sandbox.records import CONNECTOR, MERCHANT, add_record

MERCHANT_A = "ME-1234-1234-1234-1234-1234-1234"
MERCHANT_B = "ME-4321-4321-4321-4321-4321-4321"
MERCHANT_OF_USER_EXAMPLE = "ME-5426-8212-bd5b-c66a-9daa-42cd"
MERCHANT_OF_ENROLLMENT = "ME-f719-a6e7-6375-49ad-ceb1-90c1"
USER_OF_ENROLLMENT = "US-17ed-0860-7958-1a71-cc43-7198"
ROUTING_CONNECTOR = "CO-2222-2222-2222-2222-2222-2222"
MULTI_METHOD_CONNECTOR = "CO-3333-3333-3333-3333-3333-3333"

# Connectors the published routing documents name, with the method each has to stand for.
_TARGETS = (
    ("CO-1234-1234-1234-1234-1234-1234", "Creditcard"),
    ("CO-5678-5678-5678-5678-5678-5678", "DirectDebit"),
    ("CO-8765-8765-8765-8765-8765-8765", "Creditcard"),
    ("CO-7777-7777-7777-7777-7777-7777", "Paypal"),
    ("CO-1234-5678-9012-3456-7890-1234", "Creditcard"),
)


def seed_published_examples(tenant: str) -> None:
    """Store what is missing of the published entities below the published tenant A."""
    merchant = _get_example("MerchantList")["merchants"][0]
    others = {
        MERCHANT_B: "Merchant B",
        MERCHANT_OF_USER_EXAMPLE: "Merchant C",
        MERCHANT_OF_ENROLLMENT: "Alex's Artisan Goods",
    }
    _add_merchant(tenant, merchant)
    for guid, name in others.items():
        values = {key: value for key, value in merchant.items() if key != "trids"}
        values |= {"guid": guid, "name": name, "externalId": f"Id-{name[-1]}"}
        _add_merchant(
            tenant, values | {"networkTokenizationEnabled": "not_enabled", "disabledTransactionTypes": []}
        )
    published = _get_example("MerchantUserListRealistic")["merchantUser"][0]
    published.pop("merchantAccess")
    _add_user(published | {"apiUserSettings": []}, MERCHANT_A)
    alex = {"guid": USER_OF_ENROLLMENT, "username": "alex.artisan", "firstName": "Alex", "lastName": "Smith"}
    _add_user(
        published | alex | {"email": "alex.smith@example.org", "apiUserSettings": []}, MERCHANT_OF_ENROLLMENT
    )
    _seed_connectors()


def _seed_connectors() -> None:
    """Store the published connector, the targets of the routing documents, and both meta-connectors."""
    published = _get_example("ConnectorListRealistic")["connectors"][0]
    _add_connector(published)
    for guid, method in _TARGETS:
        named = {"guid": guid, "name": f"Simulator {method} {guid[3:7]}", "method": method}
        own = {"apiKey": f"sim-{guid[3:12].lower()}-{method.lower()}", "disabledTransactionTypes": []}
        _add_connector(published | named | own)
    plain = {"adapter": "MetaConnector", "method": "MetaConnector", "isMetaConnector": True, "terminals": []}
    meta = published | plain | {"settings": [], "config": {}, "disabledTransactionTypes": []}
    stored = _get_example("RoutingStored")["routing"]
    kind = {
        "defaultConnector": stored["default"]["connector"],
        "reRouteRecurring": stored["rerouteRecurring"],
    }
    named = {"guid": ROUTING_CONNECTOR, "name": "Routing example", "apiKey": "routing-example"}
    private = {"tree": stored["tree"], "ruleIds": sorted(_collect_rule_ids(stored))}
    _add_connector(meta | named | {"routingMetaConnector": kind}, private)
    stored = _get_example("MultiMethodStored")["routing"]
    kind = {"defaultActionDisableConnector": False, "retries": 3, "expiry": 24}
    named = {"guid": MULTI_METHOD_CONNECTOR, "name": "Multi-method example", "apiKey": "multi-method-example"}
    methods = {
        block["method"]: {k: v for k, v in block.items() if k != "method"} for block in stored["methods"]
    }
    private = {"methods": methods, "ruleIds": sorted(_collect_rule_ids(stored))}
    _add_connector(meta | named | {"multiMethodMetaConnector": kind}, private)


def _collect_rule_ids(value: Any) -> set[str]:
    if isinstance(value, list):
        return {rule for child in value for rule in _collect_rule_ids(child)}
    if isinstance(value, dict):
        own = {value["id"]} if value.get("id") else set()
        return own | {rule for child in value.values() for rule in _collect_rule_ids(child)}
    return set()


def _add_merchant(tenant: str, values: dict[str, Any]) -> None:
    if not Record.objects.filter(guid=values["guid"]).exists():
        add_record(kind=MERCHANT, parent=tenant, document=values)


def _add_user(values: dict[str, Any], merchant: str) -> None:
    if not Record.objects.filter(guid=values["guid"]).exists():
        add_user_record(document=values, merchant=merchant, access=[merchant])


def _add_connector(values: dict[str, Any], private: dict[str, Any] | None = None) -> None:
    if not Record.objects.filter(guid=values["guid"]).exists():
        parent, name = values["merchantGuid"], values["apiKey"]
        add_record(kind=CONNECTOR, parent=parent, document=values, private=private, unique_name=name)


def _get_example(name: str) -> dict[str, Any]:
    """Return a copy: the contract's own document is shared by the process."""
    found: dict[str, Any] = copy.deepcopy(document()["components"]["examples"][name]["value"])
    return found
