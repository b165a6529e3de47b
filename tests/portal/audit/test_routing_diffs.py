"""A new routing document as what it means: rules added, removed, changed, moved."""

import copy

import pytest

from portal.audit.diffs import get_routing_changes
from portal.audit.recording import ObjectRef, get_system_origin, record_event

pytestmark = pytest.mark.django_db
EUR = {"constraint": "Currency", "params": {"currency": "EUR"}}
VISA = {"constraint": "CreditcardType", "params": {"comparator": "in", "types": ["visa", "amex"]}}
STORED = {
    "version": "1",
    "default": {"connector": "CO-9"},
    "rerouteRecurring": False,
    "tree": {
        "id": "MPR-1",
        "if": EUR,
        "then": {"id": "MPR-2", "route": {"connector": "CO-1", "onFail": [{"connector": "CO-2"}]}},
        "else": {"id": "MPR-3", "route": {"connector": "CO-9"}},
    },
}
METHODS = {
    "version": "1",
    "paymentSelectionMaxRetries": 3,
    "methods": [
        {
            "method": "Creditcard",
            "disabled": False,
            "availability": {
                "tree": {"if": EUR, "then": {"action": "enable"}, "else": {"action": "disable"}}
            },
            "routing": None,
        },
        {"method": "Paypal", "disabled": False},
    ],
}


def changes(before, after, operation="routing.replace"):
    """(kind, where, old, new) of the event with these documents."""
    event = record_event(
        action="change.accepted",
        origin=get_system_origin("tests"),
        operation=operation,
        object=ObjectRef("routing", "CO-0", "Router"),
        before={"routing": before},
        after={"routing": after},
    )
    return [(one.kind, one.where, one.old, one.new) for one in get_routing_changes(event)]


def changed(document, **values):
    return {**copy.deepcopy(document), **values}


def test_equal_documents_differ_in_nothing():
    without_ids = changed(STORED)
    for node in (without_ids["tree"], without_ids["tree"]["then"], without_ids["tree"]["else"]):
        node["id"] = None
    assert changes(STORED, without_ids) == []


def test_a_rule_with_a_new_target_is_changed_and_its_settings_are_shown():
    new = changed(STORED, rerouteRecurring=True, default=None)
    new["tree"]["then"] = {"id": "MPR-2", "route": {"connector": "CO-1"}}
    assert changes(STORED, new) == [
        ("setting", "", "default: CO-9", "default: —"),
        ("setting", "", "rerouteRecurring: no", "rerouteRecurring: yes"),
        ("changed", "", "Currency EUR → CO-1, if that fails CO-2", "Currency EUR → CO-1"),
    ]


def test_a_further_condition_changes_one_rule_and_adds_another():
    new = changed(STORED)
    new["tree"]["then"] = {
        "if": VISA,
        "then": STORED["tree"]["then"],
        "else": {"route": {"connector": "CO-5"}},
    }
    assert changes(STORED, new) == [
        (
            "changed",
            "",
            "Currency EUR → CO-1, if that fails CO-2",
            "Currency EUR and CreditcardType in visa, amex → CO-1, if that fails CO-2",
        ),
        ("added", "", "", "Currency EUR and not CreditcardType in visa, amex → CO-5"),
    ]


def test_conditions_asked_in_another_order_move_a_rule():
    def tree(first, second):
        return {"if": first, "then": {"if": second, "then": {"route": {"connector": "CO-1"}}}}

    old, new = changed(STORED, tree=tree(EUR, VISA)), changed(STORED, tree=tree(VISA, EUR))
    assert [change[0] for change in changes(old, new)] == ["moved"]


def test_without_a_tree_every_rule_is_removed():
    found = changes(STORED, {"version": "1", "default": {"connector": "CO-9"}, "rerouteRecurring": False})
    assert [change[0] for change in found] == ["removed", "removed"]
    assert found[1][2] == "not Currency EUR → CO-9"


def test_a_multi_method_document_changes_only_what_it_names():
    sent = {
        "version": "1",
        "paymentSelectionMaxRetries": None,
        "methods": [
            {"method": "CREDITCARD", "availability": {"tree": {"action": "enable"}}},
            {"method": "Paypal", "disabled": True},
        ],
    }
    assert changes(METHODS, sent, "routing.update_multi_method") == [
        ("setting", "Paypal", "disabled: no", "disabled: yes"),
        ("added", "Creditcard, availability", "", "always → enable"),
        ("removed", "Creditcard, availability", "Currency EUR → enable", ""),
        ("removed", "Creditcard, availability", "not Currency EUR → disable", ""),
    ]


def test_the_event_page_tells_it_instead_of_json_lines(manager, client_of):
    new = changed(STORED, tree=None)
    changes(STORED, new)
    text = client_of(manager).get("/audit/1/").content.decode()
    assert "Changed rules" in text and "Currency EUR → CO-1, if that fails CO-2" in text
    assert "routing.tree" not in text and 'href="/audit/?guid=CO-0&amp;kind=routing"' in text


def test_other_events_have_no_such_difference():
    event = record_event(action="session.signed_in", origin=get_system_origin("tests"))
    assert get_routing_changes(event) == []
