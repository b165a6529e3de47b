"""The sent values are compared with what the gateway shows, for every property."""

import uuid
from datetime import timedelta

import pytest

from portal.audit.models import Event
from portal.changes import reconciliation, workflow
from portal.changes.comparison import compare
from portal.changes.models import Change, State
from portal.core import permissions
from portal.core.permissions import Permission
from portal.directory.services import store_entity
from portal.staff import access_seals, backends, roles
from provisioning import contract, service
from provisioning.gateway.secrets import Sealed
from tests.portal.changes.conftest import ORIGIN, edited, hidden, merchant_now
from tests.portal.changes.test_creating import new
from tests.portal.changes.test_updating import prepared
from tests.provisioning.sandbox.conftest import MERCHANT_A, ROUTING_CONNECTOR
from tests.registries import registry_of


@pytest.mark.parametrize(
    ("sent", "shown", "agrees"),
    [
        ({"address": "A"}, {"address": "B"}, False),
        ({"address": "A"}, {"address": "A"}, True),
        ({"disabled": True}, {"disabled": False}, False),
        ({"disabled": False}, {}, True),
        ({"city": ""}, {}, True),
        ({"city": None}, {"city": "Linz"}, False),
        ({"name": "Cafe\u0301"}, {"name": "Caf\u00e9"}, True),
        ({"validUntil": "2027-01-01T01:00:00+01:00"}, {"validUntil": "2027-01-01 00:00:00"}, True),
        ({"validUntil": "2027-01-01T01:00:00+01:00"}, {"validUntil": "2027-01-02 00:00:00"}, False),
        ({"addPermissions": ["a"]}, {"permissions": ["a", "b"]}, True),
        ({"addPermissions": ["a", "c"]}, {"permissions": ["a"]}, False),
        ({"removePermissions": ["a"]}, {"permissions": ["a"]}, False),
        ({"removePermissions": ["a"]}, {"permissions": ["b"]}, True),
        ({"addMultiMerchantAccess": ["ME-1"]}, {"merchantAccess": [{"guid": "ME-1"}]}, True),
        ({"removeMultiMerchantAccess": ["ME-1"]}, {"merchantAccess": [{"guid": "ME-1"}]}, False),
        ({"multiMerchantAccess": ["ME-1"]}, {"merchantAccess": [{"guid": "ME-H"}, {"guid": "ME-1"}]}, True),
        ({"multiMerchantAccess": ["ME-1"]}, {"merchantAccess": [{"guid": "ME-H"}]}, False),
        ({"addSettings": {"a": "1"}}, {"settings": {"a": "1", "b": "2"}}, True),
        ({"addSettings": {"a": "1"}}, {"settings": {"a": "2"}}, False),
        ({"removeSettings": {"a": "1"}}, {"settings": []}, True),
        ({"removeSettings": {"a": "1"}}, {"settings": {"a": "1"}}, False),
        ({"settings": {}}, {"settings": {"a": "1"}}, False),
        ({"config": {"testMode": True}}, {"config": {"testMode": False, "language": "de"}}, False),
        ({"config": {"testMode": True}}, {"config": "abc"}, False),
        ({"password": Sealed("x")}, {}, None),
        ({"sharedSecret": Sealed("x")}, {"sharedSecret": Sealed("y")}, None),
        ({"sharedSecret": Sealed("x")}, {"sharedSecret": Sealed("x")}, True),
    ],
)
def test_one_property(sent, shown, agrees):
    (found,) = compare(sent, shown, home="ME-H")
    assert found.agrees is agrees


@pytest.fixture
def updated(browser, merchant, rewriter):
    """Send an update of which the gateway applies a part, and lose the answer."""

    def update(keep=(), **values):
        change = prepared(browser, merchant, **values)

        def rule(body, send):
            applied = {name: value for name, value in body.items() if name in keep}
            assert not applied or send(applied)["success"]

        rewriter.rules = {"updateMerchant": rule}
        browser.post(f"/changes/{change.pk}/send/")
        change.refresh_from_db()
        assert change.state == State.UNKNOWN
        Change.objects.filter(pk=change.pk).update(intent_at=change.intent_at - timedelta(seconds=61))
        browser.post(f"/changes/{change.pk}/check/")
        change.refresh_from_db()
        return change, browser.get(f"/changes/{change.pk}/").content.decode()

    return update


@pytest.mark.parametrize("applied", ["city", "address"])
def test_a_partly_applied_update_is_shown_as_partly_applied(updated, applied):
    change, page = updated(keep=(applied,), address="Hauptplatz 1", city="Linz")
    assert change.state == State.UNKNOWN
    assert "some of the values" in page
    rows = {row["field"]: row["agrees"] for row in change.inquiry["rows"]}
    assert rows == {"address": applied == "address", "city": applied == "city"}
    assert "not there" in page
    assert "took effect" not in page


def test_an_entry_is_found_by_its_address_only(updated):
    change, _page = updated(keep=("address",), address="Hauptplatz 1")
    assert change.state == State.ACCEPTED


def test_an_address_that_did_not_arrive_is_not_found(updated):
    change, page = updated(address="Hauptplatz 1")
    assert change.state == State.NOT_FOUND
    assert "still shows the previous values" in page
    for claim in ("did not take effect", "safe to try again", "Nothing changed"):
        assert claim not in page


def test_an_overwritten_update_is_closed_by_a_person(
    *, browser, merchant, updated, rewriter, manager, client_of
):
    change, _page = updated(city="Linz")
    Change.objects.filter(pk=change.pk).update(state=State.UNKNOWN)
    rewriter.rules = {}
    edited(merchant, city="Graz")
    browser.post(f"/changes/{change.pk}/check/")
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Someone has changed the fields since" in page
    assert "for example a password" not in page
    close = f"/changes/{change.pk}/close/"
    assert client_of(manager).post(close, {"seen": "there", "reason": "x"}).status_code == 403
    assert browser.post(close, {"seen": "there", "reason": " "}).status_code == 422
    assert browser.post(close, {"seen": "", "reason": "Looked"}).status_code == 422
    browser.post(close, {"seen": "there", "reason": "Ticket 17: it was there before Graz"})
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    event = Event.objects.get(change_id=str(change.pk), action="change.reconciled", outcome="accepted")
    assert "Ticket 17" in event.message
    assert event.actor_name == "Ana Agent"
    assert browser.post(close, {"seen": "there", "reason": "again"}).status_code == 409


def test_a_create_is_closed_by_a_person_and_can_be_checked_again(*, browser, tenant, rewriter):
    rewriter.rules = {"createMerchant": lambda body, send: None}
    form = {"name": "Closed", "homepage": "https://n.example", "timezone": "UTC"}
    browser.post(new(tenant), {**form, "submission": str(uuid.uuid4())})
    change = Change.objects.get()
    browser.post(f"/changes/{change.pk}/close/", {"seen": "not_there", "reason": "Looked at 10:00"})
    change.refresh_from_db()
    assert change.state == State.NOT_FOUND
    assert "Looked at 10:00" in change.explanation
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "may still be carried out later" in page
    assert "Send again" in page


# What an accepted answer shows
WITHOUT_ENTITY = ({}, {"merchant": "done"}, {"merchant": {"guid": 7}}, {"merchant": {"name": "x"}})


def answered(change_answer, apply=lambda body: body):
    """Have the gateway apply what `apply` leaves of the body, and change its answer."""

    def rule(body, send):
        applied = apply(dict(body))
        answer = send(applied) if applied else {"success": True, "merchant": {}}
        return change_answer(answer)

    return rule


def sent(browser, merchant, **values):
    change = prepared(browser, merchant, **values)
    response = browser.post(f"/changes/{change.pk}/send/", {"reason": "asked for"})
    change.refresh_from_db()
    return change, response


def with_merchant(**values):
    def change(answer):
        answer["merchant"] = {**answer["merchant"], **values}
        return answer

    return change


def test_an_answer_with_the_old_value_is_read_again(browser, merchant, rewriter):
    rewriter.rules = {
        "updateMerchant": answered(with_merchant(guid=merchant.guid, city="Wien"), apply=lambda body: None)
    }
    change, _response = sent(browser, merchant, city="Linz", disabled="on")
    assert change.state == State.ACCEPTED
    assert change.explanation.startswith("Accepted, but the gateway shows")
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Accepted, but the gateway shows other values" in page
    assert "Saved." not in page
    event = Event.objects.get(change_id=str(change.pk), action="change.accepted")
    assert "Accepted, but the gateway shows" in event.message
    assert "Linz" in event.message
    rewriter.rules = {}
    edited(merchant, city="Linz", disabled=True)
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert (change.state, change.inquiry) == (State.ACCEPTED, {})


def test_an_answer_that_only_shows_something_else_is_explained(browser, merchant, rewriter):
    rewriter.rules = {"updateMerchant": answered(with_merchant(city="Wien"))}
    change, _response = sent(browser, merchant, city="Linz")
    assert (change.state, change.inquiry) == (State.ACCEPTED, {})
    assert "When read again, it showed the values sent" in change.explanation
    assert merchant_now(merchant)["city"] == "Linz"


@pytest.mark.parametrize("answer", [{}, {"merchant": "done"}, {"merchant": {"guid": 7}}, {"merchant": []}])
def test_an_update_answered_without_its_entity_is_read(browser, merchant, rewriter, answer):
    rewriter.rules = {"updateMerchant": answered(lambda _: {"success": True, **answer})}
    change, _response = sent(browser, merchant, city="Linz")
    assert (change.state, change.inquiry) == (State.ACCEPTED, {})
    assert "When read again" in change.explanation


def test_another_object_s_guid_is_not_taken_for_the_change_s_own(browser, merchant, rewriter):
    rewriter.rules = {
        "updateMerchant": answered(with_merchant(guid="ME-other", city="Linz"), apply=lambda body: None)
    }
    change, _response = sent(browser, merchant, city="Linz")
    assert change.object_guid == merchant.guid
    assert change.explanation.startswith("Accepted, but the gateway shows")


@pytest.mark.parametrize("answer", WITHOUT_ENTITY)
def test_a_create_answered_without_its_entity_finds_it(browser, tenant, rewriter, answer):
    rewriter.rules = {"createMerchant": answered(lambda _: {"success": True, **answer})}
    form = {"name": f"Found {uuid.uuid4().hex}", "homepage": "https://n.example", "timezone": "UTC"}
    response = browser.post(new(tenant), {**form, "submission": str(uuid.uuid4())})
    change = Change.objects.get()
    assert change.state == State.ACCEPTED
    assert change.object_guid
    assert "found by reading" in change.explanation
    assert response.url == f"/sandbox/merchants/{change.object_guid}/"


def test_a_create_that_is_not_listed_says_so_and_can_be_checked(browser, tenant, rewriter):
    def listed(body, send):
        answer = send(body)
        answer["merchants"] = [each for each in answer["merchants"] if each["name"] != form["name"]]
        return answer

    form = {"name": f"Hidden {uuid.uuid4().hex}", "homepage": "https://n.example", "timezone": "UTC"}
    rewriter.rules = {"createMerchant": answered(lambda _: {"success": True}), "listMerchants": listed}
    response = browser.post(new(tenant), {**form, "submission": str(uuid.uuid4())}, follow=True)
    change = Change.objects.get()
    assert (change.state, change.object_guid) == (State.ACCEPTED, "")
    page = response.content.decode()
    assert "its answer does not show the merchant" in page
    assert "Check at the gateway" in page
    assert "Saved." not in page
    rewriter.rules = {}
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.object_guid
    assert change.inquiry == {}


def test_an_existing_merchant_in_the_answer_is_not_the_new_one(browser, tenant, merchant, rewriter):
    rewriter.rules = {"createMerchant": answered(with_merchant(guid=merchant.guid))}
    form = {"name": f"Fresh {uuid.uuid4().hex}", "homepage": "https://n.example", "timezone": "UTC"}
    browser.post(new(tenant), {**form, "submission": str(uuid.uuid4())})
    change = Change.objects.get()
    assert change.state == State.ACCEPTED
    assert change.object_guid not in ("", merchant.guid)
    assert "existed before" in change.explanation
    assert "existed before" in Event.objects.get(action="change.accepted").message


def test_generated_secrets_are_not_lost_with_the_answer(browser, merchant, rewriter):
    store_entity(connection="sandbox", entity=merchant, tenant_guid=merchant.parent)
    rewriter.rules = {"createConnector": answered(lambda _: {"success": True, "connector": {"guid": 5}})}
    path = f"/sandbox/merchants/{merchant.guid}/connectors/new/"
    form = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": uuid.uuid4().hex}
    browser.post(path, {**form, "submission": hidden(browser.get(path), "submission")})
    change = Change.objects.get()
    assert change.object_guid
    assert browser.post(f"/changes/{change.pk}/reveal/").status_code == 200


def test_a_name_in_the_answer_does_not_change_the_title(browser, merchant, rewriter):
    rewriter.rules = {"updateMerchant": answered(with_merchant(name="Somebody else"))}
    change, _response = sent(browser, merchant, city="Linz")
    assert change.object_name == merchant.name


def test_permissions_of_a_user_are_compared(agent, merchant, rewriter):
    made = service.perform(
        "merchant_user.create",
        connection="sandbox",
        target=merchant.guid,
        payload={
            "type": "web",
            "username": f"u-{uuid.uuid4().hex}",
            "email": "p@example.org",
            "sendInitialPassword": True,
        },
    )
    name = contract.schema("MerchantUserPermission")["enum"][0]
    change = workflow.prepare_change(
        user=agent,
        origin=ORIGIN,
        operation="merchant_user.update",
        connection="sandbox",
        entity=made.entity,
        payload={"addPermissions": [name]},
    )
    rewriter.rules = {"updateMerchantUser": lambda body, send: None}
    workflow.send_change(user=agent, origin=ORIGIN, change=change)
    assert change.state == State.UNKNOWN
    Change.objects.filter(pk=change.pk).update(intent_at=change.intent_at - timedelta(seconds=61))
    change.refresh_from_db()
    reconciliation.check_change(user=agent, origin=ORIGIN, change=change)
    assert change.state == State.NOT_FOUND
    rewriter.rules = {}
    service.perform(
        "merchant_user.update",
        connection="sandbox",
        target=made.entity.guid,
        parent=merchant.guid,
        payload={"addPermissions": [name]},
    )
    reconciliation.check_change(user=agent, origin=ORIGIN, change=change)
    assert change.state == State.ACCEPTED


TARGETS = ("CO-1234-1234-1234-1234-1234-1234", "CO-5678-5678-5678-5678-5678-5678")


@pytest.fixture
def routed(agent, connection, monkeypatch):
    """Return a function that prepares a routing document which leads to a connector, for the agent."""
    routing = {"routing.replace": Permission("replace routing", within_tenants=True)}
    for module in (permissions, roles, backends, access_seals):
        monkeypatch.setattr(module, "PERMISSIONS", registry_of(routing, permissions.PERMISSIONS))
    roles.sync_roles()

    def prepare(target):
        stored = service.read_result(
            "routing.replace", connection="sandbox", parent=MERCHANT_A, guid=ROUTING_CONNECTOR
        )
        rule = {"id": None, "route": {"connector": target}}
        return workflow.prepare_change(
            user=agent,
            origin=ORIGIN,
            operation="routing.replace",
            connection="sandbox",
            entity=stored,
            payload={"version": "1", "tree": rule},
            reason="Move the traffic",
        )

    return prepare


def test_an_accepted_routing_document_is_read_back(agent, routed):
    for target in TARGETS:
        change = workflow.send_change(user=agent, origin=ORIGIN, change=routed(target))
        assert (change.state, change.inquiry, change.explanation) == (State.ACCEPTED, {}, "")


def test_a_routing_document_that_changed_in_between_is_a_conflict(agent, routed):
    workflow.send_change(user=agent, origin=ORIGIN, change=routed(TARGETS[0]))
    first, second = routed(TARGETS[1]), routed(TARGETS[1])
    assert workflow.send_change(user=agent, origin=ORIGIN, change=first).state == State.ACCEPTED
    assert workflow.send_change(user=agent, origin=ORIGIN, change=second).state == State.CONFLICT


@pytest.mark.parametrize("arrives", [True, False])
def test_an_unanswered_routing_document_is_settled_by_reading_it(agent, routed, rewriter, arrives):
    workflow.send_change(user=agent, origin=ORIGIN, change=routed(TARGETS[0]))

    def lose(body, send):
        if arrives:
            send(body)

    change = routed(TARGETS[1])
    rewriter.rules = {"setConnectorRouting": lose}
    assert workflow.send_change(user=agent, origin=ORIGIN, change=change).state == State.UNKNOWN
    Change.objects.filter(pk=change.pk).update(intent_at=change.intent_at - timedelta(seconds=61))
    change.refresh_from_db()
    rewriter.rules = {}
    settled = reconciliation.check_change(user=agent, origin=ORIGIN, change=change)
    assert settled.state == (State.ACCEPTED if arrives else State.NOT_FOUND)
