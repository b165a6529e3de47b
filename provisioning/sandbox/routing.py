"""The five routing operations: documents of routing and of multi-method meta-connectors.

A document of a multi-method meta-connector has one block per payment method of the merchant.
"""

from typing import Any

from provisioning.contract import validator
from provisioning.sandbox.character_rules import check_characters
from provisioning.sandbox.error_responses import Code, Refusal, tree_refusal
from provisioning.sandbox.models import ApiKey, Record
from provisioning.sandbox.records import (
    CONNECTOR,
    JsonObject,
    get_children,
    get_document,
    get_private,
    get_reachable,
    get_tenant_values,
    save_record,
)
from provisioning.sandbox.routing_rules import (
    TreeCheck,
    get_conditions,
    get_multi_method_conditions,
    refuse_unknown,
)

ROUTING, MULTI_METHOD = "routingMetaConnector", "multiMethodMetaConnector"
# Document field → field of the connector that is taken for the same value.
_MIRRORED = {
    "defaultActionDisable": "defaultActionDisableConnector",
    "paymentSelectionMaxRetries": "retries",
    "paymentSelectionExpiryHours": "expiry",
}
_SWITCHES = ("disabled", "rerouteRecurring", "convertDebitToPreauth")
_TREES = {"availability": "action", "routing": "route"}
# The connector's own field documents this limit, the routing document none.
_MAX_RETRIES = 9


def list_constraints(key: ApiKey) -> JsonObject:
    """Return the conditions that are activated for the key's tenant, in the contract's order."""
    available = _get_available(key)
    found = [condition for name, condition in get_conditions().items() if name in available]
    return {"success": True, "constraints": found}


def read(key: ApiKey, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Return the stored document of a routing meta-connector. Refusals: 404/1007, 1016, 1018."""
    return _describe_routing(_get_meta_connector(key, connectorGuid, ROUTING))


def replace(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Replace the whole document: what is not sent is gone. Refusals as in `read`, and 1010 to 1015."""
    record = _get_meta_connector(key, connectorGuid, ROUTING)
    check_document(body, {"version", "default", "rerouteRecurring", "tree"})
    private = get_private(record)
    check = TreeCheck(merchant=record.parent, issued=_get_issued_ids(record), available=_get_available(key))
    tree = check.check_tree(body.get("tree"), "tree", "route")
    default = body.get("default")
    if default is not None:
        if not isinstance(default, dict) or set(default) != {"connector"}:
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, "default", "A default must name its connector")
        check.check_reference(default["connector"], "default/connector")
    check_schema("RoutingDocument", body)
    # The document and the connector's own fields are taken for the same values (a gap of the contract).
    kind = {"reRouteRecurring": body.get("rerouteRecurring", False)}
    kind |= {"defaultConnector": default["connector"]} if default else {}
    private |= {"tree": tree, "ruleIds": sorted(check.issued)}
    save_record(record, get_document(record) | {ROUTING: kind}, private)
    return _describe_routing(record)


def read_multi_method(key: ApiKey, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Return the stored document of a multi-method meta-connector. Refusals: 404/1007, 1016, 1017."""
    return describe_multi_method(_get_meta_connector(key, connectorGuid, MULTI_METHOD))


def change_multi_method(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - as above
    """Change the listed methods and the sent values; everything else stays."""
    record = _get_meta_connector(key, connectorGuid, MULTI_METHOD)
    known = {"version", "defaultActionDisable", "paymentSelectionMaxRetries", "paymentSelectionExpiryHours"}
    check_document(body, known | {"methods"})
    available = _get_available(key) & get_multi_method_conditions()
    check = TreeCheck(merchant=record.parent, issued=_get_issued_ids(record), available=available)
    blocks = read_blocks(record, check, body)
    check_schema("MultiMethodRoutingDocument", body)
    # The blocks go over the stored ones, and the connector itself mirrors three values.
    private, document = get_private(record), get_document(record)
    stored = private.get("methods", {})
    private["methods"] = stored | {name: stored.get(name, {}) | block for name, block in blocks.items()}
    private["ruleIds"] = sorted(check.issued)
    for field, own in _MIRRORED.items():
        if body.get(field) is not None:
            private[field] = body[field]
            document[MULTI_METHOD][own] = min(body[field], _MAX_RETRIES) if own == "retries" else body[field]
    save_record(record, document, private)
    return describe_multi_method(record)


def check_document(body: JsonObject, known: set[str]) -> None:
    """Refuse (1010) unknown fields and versions, and unusable characters."""
    refuse_unknown(body, known, "")
    if check_characters(body):
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, "", "The document holds characters that cannot be stored")
    if body.get("version") != "1":
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, "version", "Unsupported version")


def check_schema(name: str, body: JsonObject) -> None:
    """Refuse (1010) what the check of the trees has not looked at and the contract does not allow."""
    for error in validator(name).iter_errors(body):
        path = "/".join(str(part) for part in error.absolute_path)
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "The document does not have the documented form")


def _get_meta_connector(key: ApiKey, guid: str, wanted: str) -> Record:
    record = get_reachable(key, CONNECTOR, guid, status=404)
    document = get_document(record)
    if wanted in document:
        return record
    if MULTI_METHOD in document:
        raise Refusal(Code.MULTI_METHOD_CONNECTOR, f"Connector '{guid}' is a multi-method meta-connector")
    if ROUTING in document:
        raise Refusal(Code.ROUTING_CONNECTOR, f"Connector '{guid}' is a routing meta-connector")
    raise Refusal(Code.REGULAR_CONNECTOR, f"Connector '{guid}' is not a meta-connector")


def _get_available(key: ApiKey) -> frozenset[str]:
    """Return the names of the conditions that the key's tenant may use."""
    return frozenset(get_conditions()) - get_tenant_values(key.tenant, "withheldConditions")


def _get_issued_ids(record: Record) -> set[str]:
    return set(get_private(record).get("ruleIds", []))


def _describe_routing(record: Record) -> JsonObject:
    kind = get_document(record)[ROUTING]
    default = kind.get("defaultConnector")
    routing = {
        "version": "1",
        "default": {"connector": default} if default else None,
        "rerouteRecurring": kind.get("reRouteRecurring", False),
        "tree": get_private(record).get("tree"),
    }
    return {"success": True, "routing": routing}


def get_linked_methods(merchant: str) -> list[str]:
    """Return the methods of the merchant's regular connectors; they link by themselves (manual)."""
    connectors = [get_document(record) for record in get_children(CONNECTOR, merchant)]
    usable = [found for found in connectors if not found["isMetaConnector"] and not found["archived"]]
    return list(dict.fromkeys(found["method"] for found in usable))


def read_blocks(record: Record, check: TreeCheck, body: JsonObject) -> dict[str, JsonObject]:
    """Return the checked blocks by method in canonical spelling. Raises the routing refusals."""
    methods = body.get("methods")
    if not isinstance(methods, list):
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, "methods", "The methods must be a list")
    linked = {method.casefold(): method for method in get_linked_methods(record.parent)}
    stored = get_private(record).get("methods", {})
    blocks: dict[str, JsonObject] = {}
    for index, block in enumerate(methods):
        path = f"methods/{index}"
        name = block.get("method") if isinstance(block, dict) else None
        method = linked.get(name.casefold()) if isinstance(name, str) else None
        if method is None or method in blocks:
            text = "The method occurs twice" if method else "The method is not linked to this connector"
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, f"{path}/method", text)
        blocks[method] = _read_block(check, block, path)
        default = blocks[method].get("defaultConnector") or stored.get(method, {}).get("defaultConnector")
        enabling = _enable_leaf(blocks[method].get("availability"), f"{path}/availability")
        if enabling and not default:
            # The rule is documented, its code is not: 1014 is assumed.
            text = "Action 'enable' requires a default connector of the method"
            raise tree_refusal(Code.TREE_MALFORMED, enabling, text)
    return blocks


def _read_block(check: TreeCheck, block: JsonObject, path: str) -> JsonObject:
    """Return a checked block. It resets left-out switches; left-out trees and default connectors stay."""
    read: JsonObject = {switch: block.get(switch, False) for switch in _SWITCHES}
    default = block.get("defaultConnector")
    if default is not None:
        if not isinstance(default, dict) or set(default) != {"connector"}:
            raise tree_refusal(
                Code.DOCUMENT_UNUSABLE, f"{path}/defaultConnector", "It must name its connector"
            )
        check.check_reference(default["connector"], f"{path}/defaultConnector/connector")
        read["defaultConnector"] = default
    for field, leaf in _TREES.items():
        rules, place = block.get(field), f"{path}/{field}"
        if rules is not None and (not isinstance(rules, dict) or "tree" not in rules):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, place, "Rules must be an object with a tree")
        if field in block:
            tree = check.check_tree(rules["tree"], f"{place}/tree", leaf) if rules else None
            read[field] = {"tree": tree} if tree else None
    return read


def _enable_leaf(node: Any, path: str) -> str:
    """Return the path of the first `enable` leaf below a node; empty if there is none."""
    if not isinstance(node, dict):
        return ""
    if node.get("action") == "enable":
        return f"{path}/action"
    below = (_enable_leaf(node.get(name), f"{path}/{name}") for name in ("tree", "then", "else"))
    return next((found for found in below if found), "")


def describe_multi_method(record: Record) -> JsonObject:
    """Return the stored document: every linked method, and the three values that were ever set."""
    private, kind = get_private(record), get_document(record)[MULTI_METHOD]
    routing: JsonObject = {"version": "1"}
    for field, name in _MIRRORED.items():
        value, own = private.get(field), kind.get(name)
        # The connector's value wins; retries beyond its limit are in the document only.
        beyond = isinstance(value, int) and value > _MAX_RETRIES and own == _MAX_RETRIES
        if not beyond and own is not None:
            value = own
        if value is not None:
            routing[field] = value
    methods = []
    for method in get_linked_methods(record.parent):
        empty = {"method": method, "defaultConnector": None, **dict.fromkeys(_SWITCHES, False)}
        empty |= {"availability": None, "routing": None}
        # A method that is not configured is off (manual: they appear disabled).
        methods.append(empty | private.get("methods", {}).get(method, {"disabled": True}))
    return {"success": True, "routing": routing | {"methods": methods}}
