"""How entities become index rows: no secrets, storable on both databases, found without regard to case."""

import json
from datetime import UTC, datetime
from importlib import import_module

import pytest

from portal.core.text import database_safe, fold
from portal.directory.list_sync import store_rows
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.serialization import GUID_LIMIT, build_row, draft_row
from portal.directory.services import (
    filter_by_text,
    get_parents,
    search_entities,
    store_entity,
    update_entity,
)
from portal.staff.models import User
from provisioning.entities import Connector, Merchant, MerchantUser, Tenant
from provisioning.gateway.secrets import MASK, Sealed
from tests.historical_models import historical_apps

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row_of(entity, parent="P", tenant="T"):
    """The index row of an entity."""
    draft = draft_row(entity, parent=parent, tenant=tenant)
    return build_row(draft, connection="sandbox", seen_at=NOW)


def merchant(guid="ME-1", **values):
    """A merchant as the gateway would answer it."""
    return Merchant.from_answer({"guid": guid, "name": "Café Übermut", **values}, parent="TE-1")


def test_a_connector_leaves_its_secrets_and_free_settings_behind():
    answer = {
        "guid": "CO-1",
        "name": "Card",
        "sharedSecret": Sealed("canary-1"),
        "publicIntegrationKey": "canary-2",
        "apiKey": "card-key",
        "settings": {"pin": "canary-3"},
        "config": {
            "username": "canary-4",
            "password": Sealed("canary-5"),
            "testMode": True,
            "language": "de",
        },
        "somethingNew": "canary-6",
    }
    row = row_of(Connector.from_answer(answer))
    assert row.fields == {
        "guid": "CO-1",
        "name": "Card",
        "apiKey": "card-key",
        "config": {"testMode": True, "language": "de"},
    }
    assert "canary" not in json.dumps(row.fields) + row.search + row.name
    assert "card-key" in row.search


def test_a_config_without_facts_is_left_out():
    assert "config" not in row_of(Connector.from_answer({"guid": "CO-1", "config": {"username": "x"}})).fields


def test_characters_that_postgresql_refuses_are_replaced():
    row = row_of(merchant(name="a\x00b\ud800", city="x", defaultRiskRuleSet=float("nan")))
    assert row.name == "a\ufffdb?"
    assert "defaultRiskRuleSet" not in row.fields
    assert row.fields["unreadable"] == ["defaultRiskRuleSet: not a whole number"]


def test_a_sealed_value_in_an_unexpected_place_is_masked():
    assert database_safe({"a": [Sealed("x"), {"b": 1.5}]}) == {"a": [MASK, {"b": 1.5}]}


@pytest.mark.parametrize("guid", ["X" * (GUID_LIMIT + 1), "ME-\x00"])
def test_a_guid_that_cannot_be_stored_is_passed_over(db, guid):
    entity = Merchant(guid=guid, parent="", values={"guid": guid})
    assert draft_row(entity, parent="", tenant="") is None
    assert store_entity(connection="sandbox", entity=entity) is None
    assert update_entity(entry=row_of(merchant()), entity=entity).guid == "ME-1"


def test_the_columns_lists_filter_by_come_from_the_properties():
    row = row_of(
        merchant(country="AT", defaultCurrency="EUR", disabled=True, createdAt="2020-12-18T13:53:07+00:00")
    )
    assert (row.country, row.currency, row.status) == ("AT", "EUR", "disabled")
    assert row.created_at == datetime(2020, 12, 18, 13, 53, 7, tzinfo=UTC)
    assert row_of(MerchantUser.from_answer({"guid": "US-1", "username": "zoe"})).name == "zoe"
    assert str(row_of(merchant(name=""))) == "ME-1"
    assert row_of(Tenant.from_answer({"guid": "TE-9"})).tenant_guid == "TE-9"


def test_texts_compare_without_case_in_every_script():
    assert fold("STRASSE") == fold("Straße")
    assert fold("ÜBERMUT") == fold("übermut")


@pytest.mark.parametrize(
    "text", ["CAFÉ", "cafe", "uber caf", "über caf", "me-1", "strasse.example", "id-77", "100%"]
)
def test_search_finds_every_word_in_any_case(db, text):
    found = merchant(externalId="ID-77 100%", homepage="https://STRASSE.example")
    store_rows([row_of(found), row_of(merchant("ME-2", name="Other"))])
    assert [row.guid for row in search_entities(user=User(), text=text, kinds=["merchant"], limit=5)] == [
        "ME-1"
    ]


def test_wildcards_are_letters(db):
    store_rows([row_of(merchant())])
    assert not filter_by_text(IndexedEntity.objects.all(), "%").exists()
    assert not filter_by_text(IndexedEntity.objects.all(), "caf_").exists()


def test_search_puts_the_exact_guid_first_and_stops_at_its_limit(db):
    store_rows([row_of(merchant(f"ME-{number}", name=f"A ME-5 {number}")) for number in range(9)])
    found = search_entities(user=User(), text="ME-5", kinds=["merchant"], limit=3, connection="sandbox")
    assert found[0].guid == "ME-5"
    assert len(found) == 3
    assert search_entities(user=User(), text="  ", kinds=["merchant"], limit=3) == []
    assert search_entities(user=User(), text="ME-5", kinds=["merchant"], limit=3, connection="other") == []


def test_an_own_change_is_stored_under_the_parent_it_was_known_under(db):
    store_entity(connection="sandbox", entity=merchant())
    updated = Merchant.from_answer({"guid": "ME-1", "name": "New name"})
    entry = store_entity(connection="sandbox", entity=updated)
    assert (entry.name, entry.parent_guid, entry.tenant_guid) == ("New name", "TE-1", "TE-1")
    user = MerchantUser.from_answer({"guid": "US-1", "username": "u"}, parent="ME-1")
    assert store_entity(connection="sandbox", entity=user).tenant_guid == "TE-1"


def test_a_new_country_becomes_a_filter_at_once(db):
    place = {"connection": "sandbox", "kind": "merchant", "parent_guid": "TE-1"}
    scope = ListSync.objects.create(**place, refreshed_at=NOW, facets={"country": ["AT"]})
    store_entity(connection="sandbox", entity=merchant(country="CH", defaultCurrency="CHF"))
    scope.refresh_from_db()
    assert scope.facets == {"country": ["AT", "CH"], "currency": ["CHF"]}
    assert str(scope) == "sandbox: merchant of TE-1"


def test_following_a_fresh_read_writes_only_what_differs(db, django_assert_num_queries):
    entry = store_entity(connection="sandbox", entity=merchant())
    with django_assert_num_queries(0):
        assert update_entity(entry=entry, entity=merchant()) is entry
    assert update_entity(entry=entry, entity=merchant(city="Graz")).fields["city"] == "Graz"


def test_parents_come_tenant_first(db):
    tenant = store_entity(connection="sandbox", entity=Tenant.from_answer({"guid": "TE-1", "name": "Z"}))
    store_entity(connection="sandbox", entity=merchant())
    user = store_entity(
        connection="sandbox",
        entity=MerchantUser.from_answer({"guid": "US-1", "username": "u"}, parent="ME-1"),
    )
    assert [row.guid for row in get_parents(user)] == ["TE-1", "ME-1"]
    assert get_parents(tenant) == []


def test_rows_stored_before_are_folded_by_the_migration_and_by_the_next_refresh(db):
    row = row_of(merchant(name="Ölmühle Łódź"))
    store_rows([row])
    IndexedEntity.objects.update(search="ölmühle łódź", sort_key="ölmühle łódź")
    historical = historical_apps("directory", "0004_unreadable_rows")
    import_module("portal.directory.migrations.0002_fold_accents").fold_rows(historical, None)
    assert IndexedEntity.objects.get().sort_key == "olmuhle lodz"
    assert search_entities(user=User(), text="olmuhle LODZ", kinds=["merchant"], limit=5)
