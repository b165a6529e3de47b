"""The five routing operations: documents, rule ids, and each refusal with the path of the offending part."""

import copy
from typing import Any

import pytest
from jsonschema import Draft7Validator

from provisioning.contract import contract_examples, schema
from tests.provisioning.sandbox.conftest import MULTI_METHOD_CONNECTOR, ROUTING_CONNECTOR

_A, _B = "CO-1234-1234-1234-1234-1234-1234", "CO-5678-5678-5678-5678-5678-5678"
_LEAF = {"route": {"connector": _A}}
_EUR = {"constraint": "Currency", "params": {"currency": "EUR"}}
_NODE = {"if": _EUR, "then": _LEAF}
_ISSUED = "MPR-1A2B-3C4D-5E6F-7A8B-9C0D-1E2F"


def _condition(name: str, **params: Any) -> dict[str, Any]:
    return {"if": {"constraint": name, "params": params}, "then": _LEAF}


_TREES = [
    ("tree", 1010, "tree"),
    ({"route": {"connector": _A}, "colour": 1}, 1010, "tree/colour"),
    ({"route": {"connector": _A, "weight": 1}}, 1010, "tree/route/weight"),
    ({"route": "CO"}, 1010, "tree/route"),
    ({"route": {"connector": 5}}, 1010, "tree/route/connector"),
    ({"route": {"connector": _A, "onFail": [{}]}}, 1010, "tree/route/onFail/0"),
    ({"if": {"params": {}}, "then": _LEAF}, 1010, "tree/if"),
    ({"if": _EUR | {"not": True}, "then": _LEAF}, 1010, "tree/if/not"),
    (_NODE | {"id": "MPR-0000-0000-0000-0000-0000-0000"}, 1010, "tree/id"),
    (_NODE | {"id": 5}, 1010, "tree/id"),
    (_condition("CreditCardType", comparator="in", types=["visa"]), 1011, "tree/if/constraint"),
    (_condition("Currency", currency="XXX"), 1012, "tree/if/params"),
    (_condition("Currency"), 1012, "tree/if/params"),
    (_condition("Currency", currency="EUR", more=1), 1012, "tree/if/params"),
    (_condition("RandomLoadBalancer", percentTrue=101), 1012, "tree/if/params"),
    ({"if": {"constraint": "Currency"}, "then": _LEAF}, 1012, "tree/if/params"),
    (_NODE | {"else": {"route": {"connector": "CO-9"}}}, 1013, "tree/else/route/connector"),
    ({"route": {"connector": ROUTING_CONNECTOR}}, 1013, "tree/route/connector"),
    ({"route": {"connector": _A, "onFail": [{"connector": _A}]}}, 1013, "tree/route/onFail/0/connector"),
    (_condition("InitialConnector", connectorGuid="CO-9"), 1013, "tree/if/params/connectorGuid"),
    ({"if": _EUR}, 1014, "tree"),
    (_NODE | {"route": {"connector": _A}}, 1014, "tree"),
    ({"then": _LEAF}, 1014, "tree"),
    ({}, 1014, "tree"),
    (_NODE | {"else": {"action": "enable"}}, 1014, "tree/else"),
    ({"id": _ISSUED, "if": _EUR, "then": _LEAF | {"id": _ISSUED}}, 1015, "tree/then/id"),
]


@pytest.mark.parametrize(("tree", "code", "path"), _TREES)
def test_a_wrong_rule_is_refused_with_code_and_path(call, tree, code, path) -> None:
    body = {"version": "1", "tree": tree}
    refused, message = call.refused("setConnectorRouting", ROUTING_CONNECTOR, body=body)
    assert refused == code, message
    assert message.endswith(f" at '{path}'")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "version"),
        ({"version": "2"}, "version"),
        ({"version": "1", "rules": []}, "rules"),
        ({"version": "1", "default": _A}, "default"),
        ({"version": "1", "default": {"connector": "\ud800"}}, "stored"),
        ({"version": "1", "rerouteRecurring": "yes"}, "rerouteRecurring"),
    ],
)
def test_an_unusable_document_is_refused_with_1010(call, body, path) -> None:
    refused, message = call.refused("setConnectorRouting", ROUTING_CONNECTOR, body=body)
    assert (refused, message.rsplit(" ", 1)[1].strip("'")) == (1010, path)


def test_the_published_refusals_are_worded_as_published(call) -> None:
    tree = _condition("CreditCardType", comparator="in", types=["visa"])
    _, message = call.refused("setConnectorRouting", ROUTING_CONNECTOR, body={"version": "1", "tree": tree})
    assert message == "Unknown or restricted constraint 'CreditCardType' at 'tree/if/constraint'"
    tree = _condition("Currency", currency="XXX")
    _, message = call.refused("setConnectorRouting", ROUTING_CONNECTOR, body={"version": "1", "tree": tree})
    assert message == (
        "Invalid parameters for constraint 'Currency': the value for 'currency'"
        " is not one of the allowed values at 'tree/if/params'"
    )


@pytest.mark.parametrize(
    ("operation", "connector", "code"),
    [
        ("ConnectorRouting", _A, 1016),
        ("ConnectorRouting", MULTI_METHOD_CONNECTOR, 1017),
        ("ConnectorMultiMethodRouting", _A, 1016),
        ("ConnectorMultiMethodRouting", ROUTING_CONNECTOR, 1018),
    ],
)
def test_the_wrong_kind_of_connector_is_refused(call, operation, connector, code) -> None:
    body = {"version": "1"} | ({"methods": []} if "Multi" in operation else {})
    assert call.refused(f"get{operation}", connector)[0] == code
    assert call.refused(f"set{operation}", connector, body=body)[0] == code


@pytest.mark.parametrize("operation", ["ConnectorRouting", "ConnectorMultiMethodRouting"])
def test_an_unknown_connector_is_not_found(call, operation) -> None:
    for response in (call(f"get{operation}", "CO-9"), call(f"set{operation}", "CO-9", body={"version": "1"})):
        assert response.status_code == 404
        assert response.json()["errorCode"] == 1007


def test_a_stored_document_comes_back_with_ids_and_is_the_next_request(call) -> None:
    body = contract_examples("setConnectorRouting")["routingCombined"]
    stored = call("setConnectorRouting", ROUTING_CONNECTOR, body=body).json()["routing"]
    assert stored["tree"]["id"].startswith("MPR-")
    assert _without_ids(stored["tree"]) == _without_ids(body["tree"])
    again = call("setConnectorRouting", ROUTING_CONNECTOR, body=stored).json()["routing"]
    assert again == stored == call("getConnectorRouting", ROUTING_CONNECTOR).json()["routing"]


def test_what_is_left_out_of_a_routing_document_is_gone(call, connector) -> None:
    target = connector()["guid"]
    kind = {"defaultConnector": target, "reRouteRecurring": True}
    meta = connector(adapter="MetaConnector", method="MetaConnector", routingMetaConnector=kind)["guid"]
    routing = call("getConnectorRouting", meta).json()["routing"]
    assert (routing["default"], routing["rerouteRecurring"]) == ({"connector": target}, True)
    kept = call("updateConnector", meta, body={"routingMetaConnector": {"reRouteRecurring": False}}).json()
    assert kept["connector"]["routingMetaConnector"] == kind | {"reRouteRecurring": False}
    routing = call("setConnectorRouting", meta, body={"version": "1"}).json()["routing"]
    assert (routing["default"], routing["rerouteRecurring"], routing["tree"]) == (None, False, None)


def test_disabled_foreign_and_archived_connectors_are_no_targets(call, connector) -> None:
    usable, off = connector()["guid"], connector(disabled=True)["guid"]
    kind = {"defaultConnector": usable}
    meta = connector(adapter="MetaConnector", method="MetaConnector", routingMetaConnector=kind)["guid"]
    for target, reason in ((off, "is disabled"), (_A, "belongs to another merchant")):
        body = {"version": "1", "default": {"connector": target}}
        code, message = call.refused("setConnectorRouting", meta, body=body)
        assert (code, message) == (1013, f"Connector '{target}' {reason} at 'default/connector'")


def test_the_catalogue_lists_all_conditions_with_draft_07_schemas(call) -> None:
    constraints = call("listRoutingConstraints").json()["constraints"]
    known = schema("RoutingCondition")["properties"]["constraint"]["x-known-values"]
    assert [entry["identifier"] for entry in constraints] == known or len(constraints) == 27
    assert {entry["identifier"] for entry in constraints} == set(known)
    for entry in constraints:
        Draft7Validator.check_schema(entry["paramsSchema"])
        assert "$ref" not in str(entry["paramsSchema"])
    amount = next(entry for entry in constraints if entry["identifier"] == "AmountCurrency")
    assert amount["paramsSchema"]["properties"]["currency"]["enum"][:2] == ["Base Amount", "AED"]


def test_listed_methods_change_and_others_stay(call, connector) -> None:
    card, debit = connector()["guid"], connector(method="DirectDebit")["guid"]
    meta = connector(adapter="MetaConnector", method="MetaConnector", multiMethodMetaConnector={})["guid"]
    first = call("getConnectorMultiMethodRouting", meta).json()["routing"]
    assert [(block["method"], block["disabled"]) for block in first["methods"]] == [
        ("Creditcard", True),
        ("DirectDebit", True),
    ]
    assert "defaultActionDisable" not in first
    rules = {"tree": {"if": _EUR, "then": {"action": "enable"}, "else": {"action": "disable"}}}
    block = {"method": "CREDITCARD", "defaultConnector": {"connector": card}, "availability": rules}
    body = {
        "version": "1",
        "methods": [block],
        "paymentSelectionMaxRetries": 12,
        "defaultActionDisable": True,
    }
    changed = call("setConnectorMultiMethodRouting", meta, body=body).json()["routing"]
    assert changed["methods"][0]["method"] == "Creditcard"
    assert changed["methods"][1] == first["methods"][1]
    assert (changed["paymentSelectionMaxRetries"], changed["defaultActionDisable"]) == (12, True)
    block = {"method": "DirectDebit", "defaultConnector": {"connector": debit}, "routing": None}
    body = {"version": "1", "methods": [block, {"method": "Creditcard", "availability": {"tree": None}}]}
    again = call("setConnectorMultiMethodRouting", meta, body=body).json()["routing"]
    assert again["methods"][0]["availability"] is None
    assert again["methods"][0]["defaultConnector"] == {"connector": card}
    assert again["paymentSelectionMaxRetries"] == 12


_RISKY = {"if": {"constraint": "IsRecurring", "params": {"recurring": "yes"}}, "then": _LEAF}


@pytest.mark.parametrize(
    ("methods", "code", "path"),
    [
        ("all", 1010, "methods"),
        ([{"method": "Cheque"}], 1010, "methods/0/method"),
        ([{}], 1010, "methods/0/method"),
        ([{"method": "Paypal"}, {"method": "PAYPAL"}], 1010, "methods/1/method"),
        ([{"method": "Paypal", "defaultConnector": {}}], 1010, "methods/0/defaultConnector"),
        ([{"method": "Paypal", "routing": {"rules": 1}}], 1010, "methods/0/routing"),
        ([{"method": "Paypal", "disabled": "no"}], 1010, "methods/0/disabled"),
        (
            [{"method": "Paypal", "defaultConnector": {"connector": "CO-9"}}],
            1013,
            "methods/0/defaultConnector/connector",
        ),
        ([{"method": "Paypal", "routing": {"tree": _RISKY}}], 1011, "methods/0/routing/tree/if/constraint"),
        ([{"method": "Paypal", "availability": {"tree": _LEAF}}], 1014, "methods/0/availability/tree"),
        (
            [{"method": "Paypal", "availability": {"tree": {"action": "maybe"}}}],
            1010,
            "methods/0/availability/tree/action",
        ),
    ],
)
def test_a_wrong_multi_method_document_is_refused_with_code_and_path(call, methods, code, path) -> None:
    body = {"version": "1", "methods": methods}
    refused, message = call.refused("setConnectorMultiMethodRouting", MULTI_METHOD_CONNECTOR, body=body)
    assert refused == code, message
    assert message.endswith(f" at '{path}'")


def _without_ids(value: Any) -> Any:
    value = copy.deepcopy(value)
    if isinstance(value, dict):
        return {key: _without_ids(child) for key, child in value.items() if key != "id"}
    return [_without_ids(child) for child in value] if isinstance(value, list) else value
