"""The rules of routing documents: the catalogue of conditions, and the check of a document's trees."""

import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from provisioning.contract import schema
from provisioning.sandbox.codes import CARD_LEVELS, COUNTRIES, CURRENCIES
from provisioning.sandbox.connectors import find_connector_problem
from provisioning.sandbox.error_responses import Code, tree_refusal
from provisioning.sandbox.records import JsonObject, new_guid

_COUNTRY_PARAMETERS = ("CreditcardBinCountry", "CustomerCountry", "CustomerIpCountry")
# Words of our own for the two conditions whose display name is not published.
_NAMES = {
    "CreditCardTokenType": "Credit card: Token type",
    "DebitPreauthCountOrVolumePerConnector": "Debit/preauthorize count/volume per merchant/connector",
}
# The field of a leaf in one kind of tree → the field of the other kind, which it must not have.
_LEAVES = {"route": "action", "action": "route"}


@cache
def get_conditions() -> dict[str, dict[str, Any]]:
    """Return the 27 conditions: identifier → entry of listRoutingConstraints, in the contract's order.

    The parameter schemas are the contract's in draft-07 words, with currencies, countries and levels
    enumerated.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in schema("RoutingCondition")["x-condition-catalogue"]:
        identifier = entry["identifier"]
        source = copy.deepcopy(schema(entry["params"].rsplit("/", 1)[1]))
        kept = ("type", "required", "additionalProperties", "properties", "description")
        parameters: dict[str, Any] = {key: source[key] for key in kept if key in source}
        properties = parameters["properties"]
        if identifier in _COUNTRY_PARAMETERS:
            properties["countries"]["items"] = {"type": "string", "enum": list(COUNTRIES)}
        if identifier == "CreditcardBinLevel":
            properties["levels"]["items"] = {"type": "string", "enum": list(CARD_LEVELS)}
        if "currency" in properties:
            allowed = [*(["Base Amount"] if identifier == "AmountCurrency" else []), *CURRENCIES]
            properties["currency"] = {"type": "string", "description": "Currency", "enum": allowed}
        found[identifier] = {
            "identifier": identifier,
            "name": entry["displayName"] or _NAMES[identifier],
            "paramsSchema": parameters,
        }
    return found


@cache
def get_multi_method_conditions() -> frozenset[str]:
    """Return the conditions that a multi-method document may use."""
    entries = schema("RoutingCondition")["x-condition-catalogue"]
    return frozenset(entry["identifier"] for entry in entries if entry["multiMethod"])


def find_parameter_problem(identifier: str, parameters: object) -> str:
    """Return why the parameters do not fit the condition, without repeating values; "" if they do."""
    for error in _get_parameter_validator(identifier).iter_errors(parameters):
        field = next((str(part) for part in error.absolute_path), "")
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"the value for '{missing[0]}' is missing"
        if error.validator in ("enum", "const", "anyOf"):
            return f"the value for '{field}' is not one of the allowed values"
        if error.validator == "additionalProperties":
            return "there is a parameter the condition does not have"
        return f"the value for '{field}' is wrong" if field else "they must be an object"
    return ""


@cache
def _get_parameter_validator(identifier: str) -> Draft7Validator:
    return Draft7Validator(get_conditions()[identifier]["paramsSchema"])


@dataclass
class TreeCheck:
    """One document being read: whose it is, its available conditions, and its issued and met rule ids.

    Ids the platform ever issued for a meta-connector keep belonging to it: the contract speaks of "an id
    returned earlier", not of an id that is still in the tree.
    """

    merchant: str
    issued: set[str]
    available: frozenset[str]
    met: set[str] = field(default_factory=set)

    def check_tree(self, node: Any, path: str, leaf: str) -> JsonObject | None:
        """Return the checked tree with an ID in every node, or None for none. Raises the routing refusals."""
        if node is None:
            return None
        if not isinstance(node, dict):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A node must be an object")
        if node.get(_LEAVES[leaf]) is not None:
            raise tree_refusal(Code.TREE_MALFORMED, path, f"This tree has no '{_LEAVES[leaf]}' leaves")
        refuse_unknown(node, {"id", "if", "then", "else", leaf}, path)
        rule = self._issue_rule_id(node.get("id"), path)
        branches = node.get("then") is not None or node.get("else") is not None
        if node.get("if") is None:
            if branches:
                raise tree_refusal(Code.TREE_MALFORMED, path, "A node with branches must have a condition")
            return {"id": rule, leaf: self._check_leaf(node.get(leaf), path, leaf)}
        if node.get(leaf) is not None:
            raise tree_refusal(Code.TREE_MALFORMED, path, f"A condition node must not have '{leaf}'")
        if not branches:
            text = "Condition node must have at least one of 'then' or 'else'"
            raise tree_refusal(Code.TREE_MALFORMED, path, text)
        return {
            "id": rule,
            "if": self._check_condition(node["if"], f"{path}/if"),
            "then": self.check_tree(node.get("then"), f"{path}/then", leaf),
            "else": self.check_tree(node.get("else"), f"{path}/else", leaf),
        }

    def check_reference(self, guid: object, path: str) -> None:
        """Refuse (1013) a connector the rules may not send transactions to."""
        if not isinstance(guid, str) or not guid:
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "The connector must be a GUID")
        reason = find_connector_problem(guid, self.merchant)
        if reason:
            raise tree_refusal(Code.CONNECTOR_REFUSED, path, f"Connector '{guid}' {reason}")

    def _issue_rule_id(self, rule: object, path: str) -> str:
        """Return the ID of a node, a new one if it has none. Each may occur once."""
        if rule is None:
            rule = new_guid("rule")
            self.issued.add(rule)
        if not isinstance(rule, str) or rule not in self.issued:
            raise tree_refusal(
                Code.DOCUMENT_UNUSABLE, f"{path}/id", "The rule id does not belong to this connector"
            )
        if rule in self.met:
            raise tree_refusal(Code.RULE_TWICE, f"{path}/id", "The rule id occurs twice")
        self.met.add(rule)
        return rule

    def _check_condition(self, condition: Any, path: str) -> JsonObject:
        """Return a condition whose constraint is available and whose parameters fit."""
        if not isinstance(condition, dict) or not isinstance(condition.get("constraint"), str):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A condition must name its constraint")
        refuse_unknown(condition, {"constraint", "params"}, path)
        name, parameters = condition["constraint"], condition.get("params")
        if name not in self.available:
            text = f"Unknown or restricted constraint '{name}'"
            raise tree_refusal(Code.CONDITION_UNAVAILABLE, f"{path}/constraint", text)
        reason = find_parameter_problem(name, parameters)
        if reason:
            text = f"Invalid parameters for constraint '{name}': {reason}"
            raise tree_refusal(Code.CONDITION_PARAMETERS, f"{path}/params", text)
        for key in ("connectorGuid", "valueReference"):
            guid = condition["params"].get(key, "merchant")
            if guid == "merchant":
                continue
            reason = find_connector_problem(guid, self.merchant, usable_only=False)
            if reason:
                text = f"Connector '{guid}' {reason}"
                raise tree_refusal(Code.CONNECTOR_REFUSED, f"{path}/params/{key}", text)
        return {"constraint": name, "params": condition["params"]}

    def _check_leaf(self, value: Any, node_path: str, leaf: str) -> Any:
        """Return the action, or the route with its failover steps, at the end of a branch."""
        path = f"{node_path}/{leaf}"
        if value is None:
            raise tree_refusal(Code.TREE_MALFORMED, node_path, f"A node must be a condition or have '{leaf}'")
        if leaf == "action":
            if value not in ("enable", "disable"):
                raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "The action must be 'enable' or 'disable'")
            return value
        if not isinstance(value, dict) or not isinstance(value.get("onFail", []), list):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A route must name its connector")
        refuse_unknown(value, {"connector", "onFail"}, path)
        self.check_reference(value.get("connector"), f"{path}/connector")
        previous = value["connector"]
        for index, step in enumerate(value.get("onFail", [])):
            here = f"{path}/onFail/{index}"
            if not isinstance(step, dict) or set(step) != {"connector"}:
                raise tree_refusal(Code.DOCUMENT_UNUSABLE, here, "A failover step must name its connector")
            self.check_reference(step["connector"], f"{here}/connector")
            if step["connector"] == previous:
                text = f"Connector '{previous}' is the same as its predecessor"
                raise tree_refusal(Code.CONNECTOR_REFUSED, f"{here}/connector", text)
            previous = step["connector"]
        return value


def refuse_unknown(part: JsonObject, known: set[str], path: str) -> None:
    """Refuse (1010) a part of a routing document that has a field besides the known ones."""
    unknown = sorted(set(part) - known)
    if unknown:
        raise tree_refusal(
            Code.DOCUMENT_UNUSABLE, f"{path}/{unknown[0]}" if path else unknown[0], "Unknown field"
        )
