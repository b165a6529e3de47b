"""The five routing operations; what is special to multi-method documents is in `multi_method`."""

from provisioning.contract import validator
from provisioning.sandbox import multi_method
from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.character_rules import check_characters
from provisioning.sandbox.conditions import catalogue, multi_method_subset
from provisioning.sandbox.error_responses import Code, Refusal, tree_refusal
from provisioning.sandbox.models import ApiKey, Record
from provisioning.sandbox.records import (
    CONNECTOR,
    get_document,
    get_private,
    get_reachable,
    save_record,
    tenant_values,
)
from provisioning.sandbox.trees import TreeCheck

ROUTING, MULTI_METHOD = "routingMetaConnector", "multiMethodMetaConnector"


def list_constraints(key: ApiKey) -> JsonObject:
    """The conditions that are activated for the key's tenant, in the contract's order."""
    available = _available(key)
    return {"success": True, "constraints": [catalogue()[name] for name in catalogue() if name in available]}


def read(key: ApiKey, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """The stored document of a routing meta-connector. Refusals: 404/1007, 1016, 1018."""
    return _answer(_addressed(key, connectorGuid, ROUTING))


def replace(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Replace the whole document: what is not sent is gone. Refusals as in `read`, and 1010 to 1015."""
    record = _addressed(key, connectorGuid, ROUTING)
    check_document(body, {"version", "default", "rerouteRecurring", "tree"})
    private = get_private(record)
    check = TreeCheck(merchant=record.parent, issued=_issued(record), available=_available(key))
    tree = check.tree(body.get("tree"), "tree", "route")
    default = read_default(check, body.get("default"), "default")
    check_schema("RoutingDocument", body)
    # The document and the connector's own fields are taken for the same values (a gap of the contract).
    kind = {"reRouteRecurring": body.get("rerouteRecurring", False)}
    kind |= {"defaultConnector": default} if default else {}
    private |= {"tree": tree, "ruleIds": sorted(check.issued)}
    save_record(record, get_document(record) | {ROUTING: kind}, private)
    return _answer(record)


def read_multi_method(key: ApiKey, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """The stored document of a multi-method meta-connector. Refusals: 404/1007, 1016, 1017."""
    return multi_method.answer(_addressed(key, connectorGuid, MULTI_METHOD))


def change_multi_method(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - as above
    """Change the listed methods and the sent values; everything else stays."""
    record = _addressed(key, connectorGuid, MULTI_METHOD)
    known = {"version", "defaultActionDisable", "paymentSelectionMaxRetries", "paymentSelectionExpiryHours"}
    check_document(body, known | {"methods"})
    available = _available(key) & multi_method_subset()
    check = TreeCheck(merchant=record.parent, issued=_issued(record), available=available)
    blocks = multi_method.read_blocks(record, check, body)
    check_schema("MultiMethodRoutingDocument", body)
    multi_method.store_blocks(record, check, body, blocks)
    return multi_method.answer(record)


def check_document(body: JsonObject, known: set[str]) -> None:
    """Unknown fields and versions, unusable characters: 1010."""
    unknown = sorted(set(body) - known)
    if unknown:
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, unknown[0], "Unknown field")
    if check_characters(body):
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, "", "The document holds characters that cannot be stored")
    if body.get("version") != "1":
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, "version", "Unsupported version")


def check_schema(name: str, body: JsonObject) -> None:
    """Whatever the walk through the trees did not look at must still satisfy the contract: 1010."""
    for error in validator(name).iter_errors(body):
        path = "/".join(str(part) for part in error.absolute_path)
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "The document does not have the documented form")


def read_default(check: TreeCheck, sent: object, path: str) -> str:
    """GUID of a default connector, empty for null or absent."""
    if sent is None:
        return ""
    if not isinstance(sent, dict) or set(sent) != {"connector"}:
        raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A default must name its connector")
    check.reference(sent["connector"], f"{path}/connector")
    return str(sent["connector"])


def _addressed(key: ApiKey, guid: str, wanted: str) -> Record:
    record = get_reachable(key, CONNECTOR, guid, status=404)
    document = get_document(record)
    if wanted in document:
        return record
    if MULTI_METHOD in document:
        raise Refusal(Code.MULTI_METHOD_CONNECTOR, f"Connector '{guid}' is a multi-method meta-connector")
    if ROUTING in document:
        raise Refusal(Code.ROUTING_CONNECTOR, f"Connector '{guid}' is a routing meta-connector")
    raise Refusal(Code.REGULAR_CONNECTOR, f"Connector '{guid}' is not a meta-connector")


def _available(key: ApiKey) -> frozenset[str]:
    """Return the names of the conditions that the key's tenant may use."""
    return frozenset(catalogue()) - tenant_values(key.tenant, "withheldConditions")


def _issued(record: Record) -> set[str]:
    return set(get_private(record).get("ruleIds", []))


def _answer(record: Record) -> JsonObject:
    kind = get_document(record)[ROUTING]
    default = kind.get("defaultConnector")
    routing = {
        "version": "1",
        "default": {"connector": default} if default else None,
        "rerouteRecurring": kind.get("reRouteRecurring", False),
        "tree": get_private(record).get("tree"),
    }
    return {"success": True, "routing": routing}
