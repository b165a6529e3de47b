"""Walks the trees of routing documents: checks nodes, hands out rule ids, names the offending part."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from provisioning.sandbox.conditions import find_parameter_problem
from provisioning.sandbox.connector_rules import find_connector_problem
from provisioning.sandbox.error_responses import Code, tree_refusal
from provisioning.sandbox.records import new_guid

JsonObject = dict[str, Any]

_LEAVES = {"route": "action", "action": "route"}


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

    def tree(self, node: Any, path: str, leaf: str) -> JsonObject | None:
        """The checked tree with an id in every node, or None for none. Raises the routing refusals."""
        if node is None:
            return None
        if not isinstance(node, dict):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A node must be an object")
        self._names(node, path, leaf)
        rule = self._rule_id(node.get("id"), path)
        if node.get("if") is None:
            return {"id": rule} | self._leaf(node, path, leaf)
        if node.get(leaf) is not None:
            raise tree_refusal(Code.TREE_MALFORMED, path, f"A condition node must not have '{leaf}'")
        return {"id": rule} | self._condition_node(node, path, leaf)

    def reference(self, guid: object, path: str) -> None:
        """Refuse (1013) a connector the rules may not send transactions to."""
        if not isinstance(guid, str) or not guid:
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "The connector must be a GUID")
        reason = find_connector_problem(guid, self.merchant)
        if reason:
            raise tree_refusal(Code.CONNECTOR_REFUSED, path, f"Connector '{guid}' {reason}")

    def _names(self, node: JsonObject, path: str, leaf: str) -> None:
        if node.get(_LEAVES[leaf]) is not None:
            raise tree_refusal(Code.TREE_MALFORMED, path, f"This tree has no '{_LEAVES[leaf]}' leaves")
        unknown = sorted(set(node) - {"id", "if", "then", "else", leaf})
        if unknown:
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, f"{path}/{unknown[0]}", "Unknown field")

    def _rule_id(self, rule: object, path: str) -> str:
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

    def _condition_node(self, node: JsonObject, path: str, leaf: str) -> JsonObject:
        if node.get("then") is None and node.get("else") is None:
            text = "Condition node must have at least one of 'then' or 'else'"
            raise tree_refusal(Code.TREE_MALFORMED, path, text)
        return {
            "if": self._condition(node["if"], f"{path}/if"),
            "then": self.tree(node.get("then"), f"{path}/then", leaf),
            "else": self.tree(node.get("else"), f"{path}/else", leaf),
        }

    def _condition(self, condition: Any, path: str) -> JsonObject:
        if not isinstance(condition, dict) or not isinstance(condition.get("constraint"), str):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A condition must name its constraint")
        unknown = sorted(set(condition) - {"constraint", "params"})
        if unknown:
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, f"{path}/{unknown[0]}", "Unknown field")
        name = condition["constraint"]
        if name not in self.available:
            text = f"Unknown or restricted constraint '{name}'"
            raise tree_refusal(Code.CONDITION_UNAVAILABLE, f"{path}/constraint", text)
        self._parameters(name, condition.get("params"), f"{path}/params")
        return {"constraint": name, "params": condition["params"]}

    def _parameters(self, name: str, parameters: Any, path: str) -> None:
        reason = find_parameter_problem(name, parameters)
        if reason:
            text = f"Invalid parameters for constraint '{name}': {reason}"
            raise tree_refusal(Code.CONDITION_PARAMETERS, path, text)
        for key in ("connectorGuid", "valueReference"):
            guid = parameters.get(key, "merchant")
            if guid != "merchant" and (
                refused := find_connector_problem(guid, self.merchant, usable_only=False)
            ):
                raise tree_refusal(Code.CONNECTOR_REFUSED, f"{path}/{key}", f"Connector '{guid}' {refused}")

    def _leaf(self, node: JsonObject, path: str, leaf: str) -> JsonObject:
        if node.get("then") is not None or node.get("else") is not None:
            raise tree_refusal(Code.TREE_MALFORMED, path, "A node with branches must have a condition")
        if node.get(leaf) is None:
            raise tree_refusal(Code.TREE_MALFORMED, path, f"A node must be a condition or have '{leaf}'")
        readers: dict[str, Callable[[Any, str], Any]] = {"route": self._route, "action": self._action}
        return {leaf: readers[leaf](node[leaf], f"{path}/{leaf}")}

    def _action(self, action: Any, path: str) -> str:
        if action not in ("enable", "disable"):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "The action must be 'enable' or 'disable'")
        return str(action)

    def _route(self, route: Any, path: str) -> JsonObject:
        if not isinstance(route, dict) or not isinstance(route.get("onFail", []), list):
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, path, "A route must name its connector")
        unknown = sorted(set(route) - {"connector", "onFail"})
        if unknown:
            raise tree_refusal(Code.DOCUMENT_UNUSABLE, f"{path}/{unknown[0]}", "Unknown field")
        self.reference(route.get("connector"), f"{path}/connector")
        previous = route["connector"]
        for index, step in enumerate(route.get("onFail", [])):
            here = f"{path}/onFail/{index}"
            if not isinstance(step, dict) or set(step) != {"connector"}:
                raise tree_refusal(Code.DOCUMENT_UNUSABLE, here, "A failover step must name its connector")
            self.reference(step["connector"], f"{here}/connector")
            if step["connector"] == previous:
                text = f"Connector '{previous}' is the same as its predecessor"
                raise tree_refusal(Code.CONNECTOR_REFUSED, f"{here}/connector", text)
            previous = step["connector"]
        return route
