"""Documents of multi-method meta-connectors: one block per payment method of the merchant."""

from typing import Any

from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.error_responses import Code, tree_refusal
from provisioning.sandbox.models import Record
from provisioning.sandbox.records import CONNECTOR, get_children, get_document, get_private, save_record
from provisioning.sandbox.trees import TreeCheck

_KIND = "multiMethodMetaConnector"
# Document field → field of the connector that is taken for the same value.
_MIRRORED = {
    "defaultActionDisable": "defaultActionDisableConnector",
    "paymentSelectionMaxRetries": "retries",
    "paymentSelectionExpiryHours": "expiry",
}
_SWITCHES = ("disabled", "rerouteRecurring", "convertDebitToPreauth")
_TREES = {"availability": "action", "routing": "route"}
# The connector's own field documents this limit, the routing document none.
_MOST_RETRIES = 9


def linked_methods(merchant: str) -> list[str]:
    """The methods of the merchant's regular connectors; they link by themselves (manual)."""
    connectors = [get_document(record) for record in get_children(CONNECTOR, merchant)]
    usable = [found for found in connectors if not found["isMetaConnector"] and not found["archived"]]
    return list(dict.fromkeys(found["method"] for found in usable))


def read_blocks(record: Record, check: TreeCheck, body: JsonObject) -> dict[str, JsonObject]:
    """The checked blocks by method in canonical spelling. Raises the routing refusals."""
    methods = body.get("methods")
    if not isinstance(methods, list):
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, "methods", "The methods must be a list")
    linked = {method.casefold(): method for method in linked_methods(record.parent)}
    stored = get_private(record).get("methods", {})
    blocks: dict[str, JsonObject] = {}
    for index, block in enumerate(methods):
        path = f"methods/{index}"
        name = block.get("method") if isinstance(block, dict) else None
        method = linked.get(name.casefold()) if isinstance(name, str) else None
        if method is None or method in blocks:
            text = "The method occurs twice" if method else "The method is not linked to this connector"
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, f"{path}/method", text)
        blocks[method] = _block(check, block, path)
        default = blocks[method].get("defaultConnector") or stored.get(method, {}).get("defaultConnector")
        enabling = _enable_leaf(blocks[method].get("availability"), f"{path}/availability")
        if enabling and not default:
            # The rule is documented, its code is not: 1014 is assumed.
            text = "Action 'enable' requires a default connector of the method"
            raise tree_refusal(Code.TREE_MALFORMED, enabling, text)
    return blocks


def store_blocks(record: Record, check: TreeCheck, body: JsonObject, blocks: dict[str, JsonObject]) -> None:
    """Store the blocks over the stored ones and mirrors the three values in the connector itself."""
    private, document = get_private(record), get_document(record)
    stored = private.get("methods", {})
    private["methods"] = stored | {name: stored.get(name, {}) | block for name, block in blocks.items()}
    private["ruleIds"] = sorted(check.issued)
    for field, own in _MIRRORED.items():
        if body.get(field) is not None:
            private[field] = body[field]
            document[_KIND][own] = min(body[field], _MOST_RETRIES) if own == "retries" else body[field]
    save_record(record, document, private)


def answer(record: Record) -> JsonObject:
    """The stored document: every linked method, and the three values that were ever set."""
    private, kind = get_private(record), get_document(record)[_KIND]
    methods = private.get("methods", {})
    values = {field: _value(private.get(field), kind.get(own)) for field, own in _MIRRORED.items()}
    routing = {"version": "1"} | {field: value for field, value in values.items() if value is not None}
    shown = [_shown(method, methods.get(method)) for method in linked_methods(record.parent)]
    return {"success": True, "routing": routing | {"methods": shown}}


def _value(document: Any, own: Any) -> Any:
    """The connector's value wins; retries beyond its limit stand in the document only."""
    beyond = isinstance(document, int) and document > _MOST_RETRIES and own == _MOST_RETRIES
    return document if beyond or own is None else own


def _shown(method: str, block: JsonObject | None) -> JsonObject:
    switches = dict.fromkeys(_SWITCHES, False)
    empty: JsonObject = {"method": method, "defaultConnector": None} | switches
    empty |= {"availability": None, "routing": None}
    # A method that is not configured is off (manual: they appear disabled).
    return empty | ({"disabled": True} if block is None else block)


def _block(check: TreeCheck, block: JsonObject, path: str) -> JsonObject:
    """A sent block resets left-out switches; left-out trees and default connectors stay."""
    read: JsonObject = {switch: block.get(switch, False) for switch in _SWITCHES}
    default = block.get("defaultConnector")
    if default is not None:
        if not isinstance(default, dict) or set(default) != {"connector"}:
            raise tree_refusal(
                Code.DOCUMENT_UNUSABLE, f"{path}/defaultConnector", "It must name its connector"
            )
        check.reference(default["connector"], f"{path}/defaultConnector/connector")
        read["defaultConnector"] = default
    for field, leaf in _TREES.items():
        if field in block:
            read[field] = _tree(check, block[field], f"{path}/{field}", leaf)
    return read


def _enable_leaf(node: Any, path: str) -> str:
    """Return the path of the first `enable` leaf below a node; empty if there is none."""
    if not isinstance(node, dict):
        return ""
    if node.get("action") == "enable":
        return f"{path}/action"
    below = (_enable_leaf(node.get(name), f"{path}/{name}") for name in ("tree", "then", "else"))
    return next((found for found in below if found), "")


def _tree(check: TreeCheck, sent: Any, path: str, leaf: str) -> JsonObject | None:
    if sent is None:
        return None
    if not isinstance(sent, dict) or "tree" not in sent:
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "Rules must be an object with a tree")
    tree = check.tree(sent["tree"], f"{path}/tree", leaf)
    return {"tree": tree} if tree else None
