"""Entities read the published slips as well as the contract."""

from datetime import UTC, datetime

import pytest

from provisioning import contract
from provisioning.entities import ENTITY_KINDS, Connector, Merchant, MerchantUser, Tenant, parse_datetime


def test_misspelt_keys_and_empty_maps_are_ironed_out():
    connector = Connector.from_answer(
        {
            "guid": "CO-1",
            "Adapter": "Simulator",
            "MerchantGUID": "ME-1",
            "config": [],
            "settings": [],
            "alias": None,
        },
        parent="ME-1",
    )
    assert dict(connector.values) == {
        "guid": "CO-1", "adapter": "Simulator", "merchantGuid": "ME-1", "config": {}, "settings": {},
    }  # fmt: skip
    assert connector.parent == "ME-1" and connector.name == "CO-1"


def test_permissions_in_one_string_become_a_list():
    user = MerchantUser.from_answer({"guid": "US-1", "username": "rosa", "permissions": "a.b c.d"})
    assert user.values["permissions"] == ["a.b", "c.d"] and user.name == "rosa"


@pytest.mark.parametrize("guid", [None, "", 5])
def test_an_entity_needs_a_guid(guid):
    with pytest.raises(ValueError, match="it has no GUID"):
        Tenant.from_answer({"guid": guid, "name": "Tenant A"})


def test_both_spellings_of_a_date_are_read_as_utc():
    expected = datetime(2020, 12, 18, 14, 4, 55, tzinfo=UTC)
    assert parse_datetime("2020-12-18 14:04:55") == parse_datetime("2020-12-18T15:04:55+01:00") == expected
    assert parse_datetime("yesterday") is None and parse_datetime(None) is None
    merchant = Merchant.from_answer(
        {"guid": "ME-1", "createdAt": "2020-12-18T14:04:55+00:00", "archived": True}
    )
    assert merchant.created_at == expected and merchant.archived and not merchant.disabled


@pytest.mark.parametrize(
    "values",
    [
        {"isMetaConnector": True},
        {"routingMetaConnector": {"reRouteRecurring": True}},
        {"multiMethodMetaConnector": {"retries": 1}},
        {"adapter": "MetaConnector"},
    ],
)
def test_a_meta_connector_is_known_by_any_of_its_marks(values):
    assert Connector.from_answer({"guid": "CO-1", **values}).is_meta
    assert not Connector.from_answer({"guid": "CO-1", "adapter": "Simulator"}).is_meta


def test_the_values_of_an_entity_are_read_only():
    with pytest.raises(TypeError):
        Tenant.from_answer({"guid": "TE-1"}).values["name"] = "x"


@pytest.mark.parametrize("entity_kind", ENTITY_KINDS.values(), ids=ENTITY_KINDS)
def test_each_kind_of_entity_agrees_with_the_contract(entity_kind):
    properties = contract.schema(entity_kind.schema)["properties"]
    assert entity_kind.entity_class.kind == entity_kind.kind
    assert {entity_kind.name_property, *entity_kind.identifying} <= set(properties)
    assert entity_kind.parent in ("", *ENTITY_KINDS)
    assert all(ENTITY_KINDS[child].parent == entity_kind.kind for child in entity_kind.children)
