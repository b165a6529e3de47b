"""Reading lists into the index over real HTTP: when, once, by difference, and what a failure leaves."""

import threading

import pytest
from django.db import connections
from django.utils import timezone

from portal.directory import list_sync
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import (
    refresh_list,
    refresh_list_if_stale,
    refresh_stale_lists,
    store_entity,
)
from provisioning import service
from provisioning.entities import Merchant
from tests.portal.directory.conftest import aged, away, made


@pytest.fixture
def merchants(connection):
    """Loads the own tenant's merchants; returns their place."""
    place = {"connection": "sandbox", "kind": "merchant", "parent": connection.tenant_guid}
    assert refresh_list(**place).loaded
    return place


def test_a_list_is_read_once_and_then_served_until_it_is_old(connection, calls):
    for _ in range(3):
        state = refresh_list_if_stale(connection="sandbox", kind="tenant")
    assert calls == ["tenant"]
    assert state.loaded
    assert not state.away
    aged(refreshed_at=301)
    refresh_list_if_stale(connection="sandbox", kind="tenant")
    assert len(calls) == 2


def test_the_keys_own_tenant_is_known_and_marked(connection):
    refresh_list(connection="sandbox", kind="tenant")
    own = IndexedEntity.objects.get(kind="tenant", guid=connection.tenant_guid)
    assert own.fields["own"] is True


def test_a_refresh_writes_new_changed_and_vanished_rows_only(connection, merchants):
    tenant = connection.tenant_guid
    shop = made(tenant, "Refreshed shop")
    refresh_list(**merchants)
    row = IndexedEntity.objects.get(guid=shop.guid)
    IndexedEntity.objects.create(
        connection="sandbox", kind="merchant", guid="ME-GONE", parent_guid=tenant, seen_at=row.seen_at
    )
    child = {"connection": "sandbox", "kind": "connector", "parent_guid": "ME-GONE", "seen_at": row.seen_at}
    IndexedEntity.objects.create(guid="CO-GONE", **child)
    IndexedEntity.objects.filter(guid=shop.guid).update(name="stale", digest="other")
    aged(refreshed_at=0)
    untouched = IndexedEntity.objects.filter(kind="merchant", parent_guid=tenant).exclude(
        guid__in=[shop.guid, "ME-GONE"]
    )
    before = set(untouched.values_list("guid", "seen_at"))
    state = refresh_list(**merchants)
    assert set(untouched.values_list("guid", "seen_at")) == before
    assert IndexedEntity.objects.get(guid=shop.guid).name == "Refreshed shop"
    assert not IndexedEntity.objects.filter(guid__in=["ME-GONE", "CO-GONE"]).exists()
    assert "AT" in state.facets["country"]


def test_what_is_archived_stays_known_when_the_list_leaves_it_out(connection, merchants):
    archived = Merchant.from_answer(
        {"guid": "ME-OLD", "name": "Old", "archived": True}, parent=merchants["parent"]
    )
    store_entity(connection="sandbox", entity=archived)
    aged(refreshed_at=0)
    refresh_list(**merchants)
    assert IndexedEntity.objects.filter(guid="ME-OLD").exists()


def test_an_own_change_made_during_a_refresh_is_not_overwritten(connection, merchants, monkeypatch):
    real = service.list_entities

    def slow(**place):
        answer = real(**place)
        store_entity(
            connection="sandbox",
            entity=Merchant.from_answer({"guid": answer[0].guid, "name": "Newer"}, parent=place["parent"]),
        )
        fresh = Merchant.from_answer({"guid": "ME-FRESH", "name": "Fresh"}, parent=place["parent"])
        store_entity(connection="sandbox", entity=fresh)
        return answer

    monkeypatch.setattr(service, "list_entities", slow)
    refresh_list(**merchants)
    assert IndexedEntity.objects.filter(name="Newer").exists()
    assert IndexedEntity.objects.filter(guid="ME-FRESH").exists()


def test_a_failure_keeps_the_rows_and_says_since_when(connection, merchants, calls):
    rows = IndexedEntity.objects.count()
    away(connection)
    aged(refreshed_at=600)
    state = refresh_list_if_stale(**merchants)
    assert state.away
    assert state.loaded
    assert state.failure
    assert IndexedEntity.objects.count() == rows
    again = refresh_list_if_stale(**merchants)
    assert again.away_since == state.away_since
    assert len(calls) == 1
    aged(failed_at=60)
    assert refresh_list_if_stale(**merchants).away_since == state.away_since
    assert len(calls) == 2


def test_the_gateways_return_ends_the_failure(connection, merchants):
    there = connection.base_url
    away(connection)
    assert refresh_list(**merchants).away
    connection.base_url = there
    connection.save()
    state = refresh_list(**merchants)
    assert not state.away
    assert state.failure == ""


def test_an_unforeseen_error_lets_go_of_the_claim(connection, merchants, monkeypatch):
    monkeypatch.setattr(service, "list_entities", lambda **place: [None])
    with pytest.raises(AttributeError):
        refresh_list(**merchants)
    assert ListSync.objects.get(kind="merchant").claimed_at is None


def test_a_claimed_list_is_served_with_its_old_rows(connection, merchants, calls):
    aged(refreshed_at=600, claimed_at=1)
    state = refresh_list_if_stale(**merchants)
    assert state.loading
    assert state.loaded
    assert calls == []
    aged(refreshed_at=600, claimed_at=120)
    assert not refresh_list_if_stale(**merchants).loading
    assert calls == ["merchant"]


def test_a_first_load_by_another_request_is_awaited_within_limits(connection, monkeypatch):
    monkeypatch.setattr(list_sync, "FIRST_LOAD_WAIT", 0.1)
    ListSync.objects.create(connection="sandbox", kind="tenant", claimed_at=timezone.now())
    state = refresh_list_if_stale(connection="sandbox", kind="tenant")
    assert state.loading
    assert not state.loaded


def test_eight_readers_at_once_are_one_read(committed_db, gateway, calls):
    from provisioning.credentials.credential_lifecycle import replace_credential
    from provisioning.credentials.services import create_connection

    made = create_connection(slug="sandbox", name="Sandbox", base_url=gateway.base_url)
    replace_credential(connection=made, api_key=gateway.api_key, password=gateway.password, by="tests")
    states = []

    def read():
        try:
            states.append(refresh_list_if_stale(connection="sandbox", kind="tenant"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["tenant"]
    assert [state.loaded for state in states] == [True] * 8


def test_many_lists_are_read_oldest_first_within_the_budget(connection, calls):
    refresh_list(connection="sandbox", kind="tenant")
    tenants = list(IndexedEntity.objects.filter(kind="tenant").values_list("guid", flat=True))
    del calls[:]
    state = refresh_stale_lists(connection="sandbox", kind="merchant", parents=tenants, budget=-1)
    assert calls == []
    assert state.stale == len(tenants)
    assert not state.loaded
    state = refresh_stale_lists(connection="sandbox", kind="merchant", parents=tenants, budget=30)
    assert len(calls) == len(tenants)
    assert state.stale == 0
    assert state.loaded


def test_many_lists_are_given_up_after_the_first_failure(connection, calls):
    refresh_list(connection="sandbox", kind="tenant")
    tenants = list(IndexedEntity.objects.filter(kind="tenant").values_list("guid", flat=True))
    away(connection)
    del calls[:]
    state = refresh_stale_lists(connection="sandbox", kind="merchant", parents=tenants, budget=30)
    assert len(calls) == 1
    assert state.away
