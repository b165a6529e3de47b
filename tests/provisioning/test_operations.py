"""The table of operations is the contract's, no more and no less."""

import pytest

from provisioning import contract
from provisioning.entities import ENTITY_KINDS
from provisioning.operations import OPERATIONS, get_operation


def test_every_operation_of_the_contract_is_in_the_table_once():
    assert sorted(operation.operation_id for operation in OPERATIONS.values()) == sorted(
        contract.contract_operations()
    )
    assert len(OPERATIONS) == 19


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_the_table_says_is_what_the_contract_says(operation):
    assert (
        operation.writes is (operation.spec.method == "POST") is (operation.spec.request_schema is not None)
    )
    assert operation.result in contract.schema(operation.spec.response_schema)["properties"]
    assert operation.spec.returns_secrets is bool(operation.response_secrets)
    assert operation.permission == (operation.name if operation.writes else f"{operation.kind}.view")


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_write_names_the_read_that_shows_its_result(operation):
    if not operation.writes or operation.kind == "nt_enrollment":
        assert operation.reader == ""
        return
    reader = get_operation(operation.reader)
    assert not reader.writes
    assert reader.kind == operation.kind
    if operation.kind in ENTITY_KINDS:
        assert reader.name == ENTITY_KINDS[operation.kind].list_operation


def test_the_secrets_of_connectors_are_where_the_contract_marks_them():
    assert get_operation("connector.create").request_secrets >= {
        ("sharedSecret",),
        ("config", "password"),
        ("config", "apiSecret"),
        ("config", "extraData"),
        ("config", "vault"),
    }
    assert ("connectors", "*", "sharedSecret") in get_operation("connector.list").response_secrets
    assert get_operation("merchant_user.create").request_secrets == {("password",)}


def test_an_unknown_operation_is_an_error():
    with pytest.raises(KeyError):
        get_operation("merchant.destroy")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("merchant.update", set()),
        ("merchant_user.create", {"multiMerchantAccess"}),
        (
            "connector.create",
            {"account-updater:connector-guid", "defaultConnector", "vault:external-vault-connector-guid"},
        ),
        ("routing.replace", {"connector", "connectorGuid"}),
        ("routing.update_multi_method", {"connector"}),
        ("nt_enrollment.create", {"merchantGuid", "userGuid"}),
        ("merchant.list", set()),
    ],
)
def test_what_refers_to_another_entity_is_known_from_the_contract(name, names):
    assert OPERATIONS[name].request_references == names


def test_what_an_update_adds_and_removes_is_known_from_the_contract():
    found = {name: effect for each in OPERATIONS.values() for name, effect in each.partial_updates.items()}
    assert found == {
        "addPermissions": ("add", "permissions"),
        "removePermissions": ("remove", "permissions"),
        "addMultiMerchantAccess": ("add", "multiMerchantAccess"),
        "removeMultiMerchantAccess": ("remove", "multiMerchantAccess"),
        "addSettings": ("add", "settings"),
        "removeSettings": ("remove", "settings"),
    }


def test_what_is_never_shown_or_replaced_as_a_whole_is_known_from_the_contract():
    unshown = {name: set(each.unshown_properties) for name, each in OPERATIONS.items()}
    only_sent = {"password", "sendInitialPassword", "multiMerchantAccess"}  # the last is merchantAccess there
    assert {name: names for name, names in unshown.items() if names} == {
        "merchant_user.create": only_sent,
        "merchant_user.update": only_sent | {"resetPassword"},
    }
    assert {name: set(each.replaced_maps) for name, each in OPERATIONS.items() if each.replaced_maps} == {
        "connector.update": {"settings"}
    }
