"""What an event holds, and what may come from outside without stopping the record."""

import json
from datetime import UTC

import pytest
from django.db import connection, transaction
from django.test import RequestFactory

from portal.audit import event_types
from portal.audit.event_types import EVENT_TYPES
from portal.audit.models import GENESIS, ChainHead, Event
from portal.audit.recording import (
    AuditUnavailable,
    ObjectRef,
    Origin,
    UnknownAction,
    get_system_origin,
    origin_of,
    record_event,
)
from provisioning.gateway.secrets import MASK, Sealed

ANA = Origin(7, "Ana", "Support agent", "abcd", "192.0.2.1", "r-1")
SHOP = ObjectRef("merchant", "g-1", "Example Shop", "t-1", "Tenant")

pytestmark = pytest.mark.django_db


def test_an_event_freezes_who_what_and_with_which_result():
    record_event(
        action="change.accepted",
        origin=ANA,
        object=SHOP,
        outcome="accepted",
        connection="sandbox",
        operation="merchant.update",
        change_id="c-1",
        code=1001,
        gateway_request_id="gw-1",
        before={"name": "Old"},
        after={"name": "New"},
        request={"method": "POST"},
        answer={"ok": True},
        duration_ms=12,
    )
    event = Event.objects.get()
    assert (event.actor_id, event.actor_name, event.actor_role) == (7, "Ana", "Support agent")
    assert (event.object_name, event.parent_name, event.code) == ("Example Shop", "Tenant", "1001")
    assert event.before_data == {"name": "Old"} and event.answer_data == {"ok": True}
    assert event.request_data == {"method": "POST"} and event.duration_ms == 12
    assert event.time.tzinfo is not None and event.time.utcoffset() == UTC.utcoffset(None)


def test_the_first_event_follows_the_genesis_and_each_the_one_before():
    first, second = (record_event(action="session.signed_in", origin=ANA) for _ in range(2))
    assert (first.sequence, first.previous_hash) == (1, GENESIS)
    assert (second.sequence, second.previous_hash) == (2, first.hash)
    head = ChainHead.objects.get()
    assert (head.sequence, head.count, head.hash) == (2, 2, second.hash)


def test_an_unregistered_action_is_an_error():
    with pytest.raises(UnknownAction):
        record_event(action="change.imagined", origin=ANA)
    assert not Event.objects.exists()


def test_secrets_are_masked_before_they_are_stored():
    record_event(
        action="change.intent", origin=ANA, request={"password": Sealed("canary"), "list": [Sealed("canary")]}
    )
    event = Event.objects.get()
    assert "canary" not in event.request
    assert event.request_data == {"password": MASK, "list": [MASK]}


def test_what_no_database_stores_is_replaced():
    deep = current = {}
    for _ in range(300):
        current["in"] = current = {}
    record_event(
        action="change.accepted",
        origin=ANA,
        message="a\x00b\ud800c",
        object=ObjectRef("merchant", "x" * 500, "n\x00"),
        answer={
            "nul\x00": "\x00",
            "nan": float("nan"),
            "inf": float("inf"),
            "half": 0.5,
            "t": ("\udfff",),
            "d": deep,
        },
    )
    event = Event.objects.get()
    assert (
        event.message == "a\ufffdb\ufffdc"
        and event.object_name == "n\ufffd"
        and len(event.object_guid) == 128
    )
    data = event.answer_data
    assert (data["nul\ufffd"], data["nan"], data["inf"], data["half"]) == ("\ufffd", "nan", "inf", 0.5)
    assert "…" in json.dumps(data["d"], ensure_ascii=False) and data["t"] == ["\ufffd"]


def test_an_event_joins_the_open_transaction():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record_event(action="session.signed_in", origin=ANA)
        raise ZeroDivisionError
    assert not Event.objects.exists() and ChainHead.objects.get().sequence == 0


@pytest.mark.parametrize("table", ["audit_event", "audit_head"])
def test_without_the_table_recording_raises(table):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
    with pytest.raises(AuditUnavailable):
        record_event(action="session.signed_in", origin=ANA)
    assert transaction.get_connection().needs_rollback is False


def test_the_origin_holds_a_digest_of_the_session_and_never_its_key(agent, client_of):
    browser = client_of(agent)
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.9")
    request.user, request.session, request.request_id = agent, browser.session, "r-9"
    origin = origin_of(request)
    assert (origin.actor_name, origin.actor_role, origin.address) == (
        "Ana Agent",
        "Support agent",
        "192.0.2.9",
    )
    assert origin.session and browser.session.session_key not in repr(origin)
    assert origin_of(RequestFactory().get("/")).actor_id is None


def test_only_trusted_proxies_are_believed(settings):
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="6.6.6.6, 192.0.2.5", REMOTE_ADDR="10.0.0.1")
    assert origin_of(request).address == "10.0.0.1"
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert origin_of(request).address == "192.0.2.5"


@pytest.mark.parametrize("action", EVENT_TYPES)
def test_every_action_is_a_sentence_a_person_can_read(action):
    event = record_event(
        action=action, origin=ANA, object=SHOP, operation="merchant.update", reason="risk review"
    )
    assert event.sentence.endswith(": risk review")
    assert "{" not in event.sentence and event.sentence[0].isupper() and action not in event.sentence
    assert "Ana (Support agent)" in event.sentence or event.sentence.startswith("Someone")


def test_an_event_that_says_no_outcome_has_that_of_its_action():
    planned = {
        "change.prepared",
        "change.intent",
        "staff.second_factor_reset_asked",
        "keyring.rotation_began",
    }
    for action in EVENT_TYPES:
        outcome = record_event(action=action, origin=ANA).outcome
        state = action.partition(".")[2]
        if action in planned:
            assert outcome == "", action
        elif action.startswith("change.") and state != "reconciled":
            assert outcome == state
        elif state.endswith(("_failed", "_locked", "_broken")) or action == "second_factor.failed":
            assert outcome == "failed", action
        else:
            told = {"access.denied": "denied", "credential.suspected": "refused"}
            assert outcome == told.get(action, "success"), action
    said = record_event(action="staff.password_link_mailed", origin=ANA, outcome="failed")
    assert said.outcome == "failed"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"operation": "merchant.create"}, "Ana (Support agent) created merchant “Example Shop”"),
        ({"operation": "routing.replace"}, "Ana (Support agent) replaced merchant “Example Shop”"),
        ({"after": {"disabled": True}}, "Ana (Support agent) disabled merchant “Example Shop”"),
        ({"after": {"disabled": False}}, "Ana (Support agent) enabled merchant “Example Shop”"),
        ({"after": {"archived": True}}, "Ana (Support agent) archived merchant “Example Shop”"),
        (
            {"after": {"name": "x"}, "before": {"name": "y"}},
            "Ana (Support agent) changed merchant “Example Shop”",
        ),
        ({"after": {"name": "x", "currency": "EUR"}}, "Ana (Support agent) created merchant “Example Shop”"),
        ({}, "Ana (Support agent) changed merchant “Example Shop”"),
    ],
)
def test_the_sentence_says_what_was_done(values, sentence):
    assert record_event(action="change.accepted", origin=ANA, object=SHOP, **values).sentence == sentence


def test_a_sentence_does_without_what_is_not_known():
    event = record_event(action="change.refused", origin=get_system_origin(""), code="1005")
    assert event.sentence == "Someone (system) tried to change something, and the gateway refused (code 1005)"
    assert event_types.describe_object("merchant", "", "g-1") == "merchant “g-1”"
    event.action = "long.gone"
    assert event.sentence == "Someone (system): long.gone"
