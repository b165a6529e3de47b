"""What a connector may be: adapter and method, kind of meta-connector, adapter fields, references."""

from typing import Any

from provisioning.sandbox.adapters import Descriptor, descriptor_list, get_adapter
from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.error_responses import Code, field_refusal
from provisioning.sandbox.models import Record
from provisioning.sandbox.records import CONNECTOR, get_document

META = "MetaConnector"
KINDS = ("routingMetaConnector", "multiMethodMetaConnector")
_PREDEFINED = "not one of the predefined values"


def check_kind(document: JsonObject, body: JsonObject, before: JsonObject | None = None) -> None:
    """Adapter, method and kind of meta-connector fit together; sets isMetaConnector."""
    adapter = get_adapter(document["adapter"])
    if adapter is None:
        raise field_refusal(Code.RULE_BROKEN, ["adapter"], _PREDEFINED)
    if document["method"] not in adapter.methods:
        raise field_refusal(Code.RULE_BROKEN, ["method"], f"{_PREDEFINED} of this adapter")
    kinds = [kind for kind in KINDS if kind in document]
    if len(kinds) > 1:
        raise field_refusal(
            Code.NOT_APPLICABLE, [kinds[1]], "the connector is the other kind of meta-connector"
        )
    if kinds and document["adapter"] != META:
        raise field_refusal(Code.NOT_APPLICABLE, kinds, "only applicable to meta-connectors")
    if not kinds and document["adapter"] == META:
        text = "a meta-connector needs routingMetaConnector or multiMethodMetaConnector"
        raise field_refusal(Code.MANDATORY_MISSING, [KINDS[0]], text)
    document["isMetaConnector"] = bool(kinds)
    if before and before["isMetaConnector"] != document["isMetaConnector"]:
        raise field_refusal(
            Code.NOT_APPLICABLE, ["adapter"], "a regular connector cannot become a meta-connector"
        )


def check_config(document: JsonObject, body: JsonObject) -> None:
    """Check config.extraData and config.vault against the adapter's descriptors.

    Unknown fields are kept and required ones may be missing: the published examples do both. Raises Refusal.
    """
    adapter = get_adapter(document["adapter"])
    config = body.get("config", {})
    for field, published in (("extraData", adapter.base), ("vault", adapter.vault)) if adapter else ():
        if isinstance(config.get(field), dict):
            _fields_check(descriptor_list(published), config[field], ("config", field))


def check_references(document: JsonObject, body: JsonObject) -> None:
    """The default connector of a routing meta-connector is an enabled regular one of the same merchant."""
    target = body.get("routingMetaConnector", {}).get("defaultConnector")
    if target is None:
        return
    reason = find_connector_problem(target, document["merchantGuid"])
    if reason == "does not exist":
        raise field_refusal(Code.UNKNOWN_ENTITY, ["routingMetaConnector", "defaultConnector"], reason)
    if reason:
        raise field_refusal(Code.RULE_BROKEN, ["routingMetaConnector", "defaultConnector"], reason)


def find_connector_problem(guid: str, merchant: str, usable_only: bool = True) -> str:
    """Why rules of the merchant may not refer to a connector; empty when they may.

    Conditions may name disabled connectors (`usable_only=False`): they look back at past transactions.
    """
    record = Record.objects.filter(guid=guid, kind=CONNECTOR).first()
    if record is None:
        return "does not exist"
    found = get_document(record)
    reasons = {
        "belongs to another merchant": record.parent != merchant,
        "is a meta-connector": found["isMetaConnector"],
        "is archived": usable_only and found["archived"],
        "is disabled": usable_only and found["disabled"],
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _fields_check(descriptors: list[Descriptor], values: dict[str, Any], path: tuple[object, ...]) -> None:
    known = {descriptor["name"]: descriptor for descriptor in descriptors if "name" in descriptor}
    for name, value in values.items():
        if name in known:
            _field_check(known[name], value, (*path, name))


_TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "select": str,
    "bool": bool,
    "boolean": bool,
}


def _field_check(descriptor: Descriptor, value: object, path: tuple[object, ...]) -> None:
    """Check one value. null counts as not set, as on the 3-D Secure page. Raises Refusal."""
    if value is None:
        return
    kind, choices = descriptor.get("type", "object"), descriptor.get("enum")
    if kind in _TYPES and not isinstance(value, _TYPES[kind]):
        raise field_refusal(Code.REQUEST_INVALID, path, f"must be {'a choice' if kind == 'select' else kind}")
    if isinstance(choices, list) and value not in choices:
        raise field_refusal(Code.RULE_BROKEN, path, _PREDEFINED)
    if isinstance(value, dict):
        _fields_check(descriptor.get("properties", []), value, path)
    if isinstance(value, list) and "items" in descriptor:
        for index, item in enumerate(value):
            _field_check(descriptor["items"], item, (*path, index))
