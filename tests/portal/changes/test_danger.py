"""Dangerous writes: one rule for forms, reviews and the daily review, for every operation and field."""

import uuid

import pytest

from portal.audit.models import Event
from portal.audit.recording import record_event
from portal.audit.review_rules import REVIEW_RULES
from portal.changes.models import Change, State
from provisioning.credentials.models import Connection
from provisioning.danger import DANGERS, find_dangers
from provisioning.gateway.secrets import MASK
from provisioning.operations import OPERATIONS
from tests.factories import connector_made
from tests.portal.changes.conftest import ORIGIN, hidden

pytestmark = pytest.mark.django_db

# Operation → what becomes different → whether that is dangerous. What is not here is harmless.
DANGEROUS = [
    *((f"{kind}.update", {"disabled": value}) for kind in ("merchant", "merchant_user", "connector")
      for value in (True, False)),
    ("merchant.update", {"archived": True}),
    ("merchant.update", {"archived": False}),
    ("connector.update", {"config.testMode": False}),
    ("connector.update", {"config.testMode": True}),
    *(("connector.update", {name: "x"})
      for name in ("apiKey", "publicIntegrationKey", "adapter", "method", "provider", "config.username")),
    ("connector.update", {"terminals": [{"terminalId": "1", "disabled": True}]}),
    *((f"{kind}.update", {"disabledTransactionTypes": types})
      for kind in ("merchant", "connector") for types in (["refund"], [])),
    ("connector.update", {"sharedSecret": MASK}),
    *(("connector.update", {f"config.{name}": MASK})
      for name in ("password", "apiSecret", "extraData", "vault")),
    ("merchant_user.update", {"password": MASK}),
    ("connector.create", {"name": "x", "config.testMode": False}),
    ("connector.create", {"name": "x"}),
    ("connector.create", {"name": "x", "disabled": True}),
    ("routing.replace", {"rules": []}),
    ("routing.update_multi_method", {"rules": []}),
    ("nt_enrollment.create", {}),
]  # fmt: skip
HARMLESS = [
    ("merchant.create", {"name": "x", "disabled": False}),
    ("merchant_user.create", {"username": "x", "password": MASK, "disabled": True}),
    ("connector.create", {"name": "x", "config.testMode": True, "apiKey": "k", "config.password": MASK}),
    ("merchant.update", {"name": "x", "city": "Graz"}),
    ("merchant_user.update", {"email": "a@example.org", "resetPassword": True}),
    ("connector.update", {"name": "x", "description": "y", "settings.tx:expiration-minutes": 5}),
    ("tenant.update", {"name": "x"}),
]


@pytest.mark.parametrize(("operation", "changes"), DANGEROUS)
def test_what_can_stop_or_start_payments_is_dangerous(operation, changes):
    assert find_dangers(operation, changes)


@pytest.mark.parametrize(("operation", "changes"), HARMLESS)
def test_everything_else_is_not(operation, changes):
    assert not find_dangers(operation, changes)


def test_every_danger_is_tried():
    tried = {danger.name for operation, changes in DANGEROUS for danger in find_dangers(operation, changes)}
    assert tried == {danger.name for danger in DANGERS}
    writes = {name for name, operation in OPERATIONS.items() if operation.writes}
    assert {operation for operation, _ in [*DANGEROUS, *HARMLESS]} == writes


@pytest.mark.parametrize(("operation", "changes"), [*DANGEROUS, *HARMLESS])
def test_the_daily_review_judges_by_the_same_rule(operation, changes):
    Connection.objects.create(slug="live", name="Live", kind="production", base_url="https://gateway.example")
    before = {name: "old" for name in changes if not operation.endswith(".create") and changes[name] != MASK}
    for slug in ("live", "sandbox"):
        record_event(
            action="change.accepted",
            origin=ORIGIN,
            connection=slug,
            operation=operation,
            outcome="accepted",
            before=before,
            after=changes,
        )
    found = Event.objects.filter(REVIEW_RULES.get("production").condition())
    assert [event.connection for event in found] == (["live"] if find_dangers(operation, changes) else [])


@pytest.fixture
def production(connection):
    """Make the connection production."""
    connection.kind, connection.name, connection.colour = "production", "Live", "red"
    connection.save()


MERCHANT = {"name": "Café Müller", "homepage": "https://shop.example", "timezone": "UTC"}
CONNECTOR = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": "key-of-danger"}


def test_a_create_in_production_is_reviewed_before_it_is_sent(browser, production, tenant, relay):
    page = browser.get(f"/sandbox/tenants/{tenant}/merchants/new/").content.decode()
    assert "Review</button>" in page and "Create</button>" not in page
    answer = browser.post(f"/sandbox/tenants/{tenant}/merchants/new/", MERCHANT)
    change = Change.objects.get()
    assert (answer["Location"], change.state, change.dangerous) == (
        f"/changes/{change.pk}/",
        State.PREPARED,
        False,
    )
    review = browser.get(f"/changes/{change.pk}/").content.decode()
    assert (
        "Café Müller" in review and "Confirm and send to Live" in review and "id_confirmation" not in review
    )
    assert relay.writes == 0
    browser.post(f"/changes/{change.pk}/send/")
    change.refresh_from_db()
    assert (change.state, relay.writes, bool(change.object_guid)) == (State.ACCEPTED, 1, True)
    trail = list(Event.objects.filter(change_id=change.pk).order_by("pk").values_list("action", flat=True))
    assert trail == ["change.prepared", "change.intent", "change.accepted"]


def test_a_live_connector_in_production_needs_reason_and_name(browser, production, merchant, relay):
    browser.post(f"/sandbox/merchants/{merchant.guid}/connectors/new/", CONNECTOR)
    change = Change.objects.get()
    send = f"/changes/{change.pk}/send/"
    assert change.dangerous and change.state == State.PREPARED
    assert "creates a live connector" in browser.get(f"/changes/{change.pk}/").content.decode()
    for given in ({}, {"reason": "x"}, {"confirmation": "Card"}, {"reason": "x", "confirmation": "card"}):
        assert browser.post(send, given).status_code == 422
    assert relay.writes == 0
    browser.post(send, {"reason": "Contract signed", "confirmation": " Card "})
    change.refresh_from_db()
    assert (change.state, relay.writes) == (State.ACCEPTED, 1)


def test_a_sandbox_sends_a_create_at_once(browser, connection, merchant, relay):
    answer = browser.post(
        f"/sandbox/merchants/{merchant.guid}/connectors/new/",
        {**CONNECTOR, "apiKey": f"key-{uuid.uuid4().hex}"},
    )
    change = Change.objects.get()
    assert (
        change.state == State.ACCEPTED and answer["Location"] == f"/sandbox/connectors/{change.object_guid}/"
    )


@pytest.mark.parametrize(
    ("edit", "asked"),
    [
        ({"apiKey": "another"}, True),
        ({"config.password": "another"}, True),
        ({"sharedSecret": "another"}, True),
        ({"name": "Other"}, False),
    ],
)
@pytest.mark.parametrize("kind", ["sandbox", "production"])
def test_edits_of_a_connector(browser, merchant, edit, asked, kind):
    Connection.objects.update(kind=kind)
    connector = connector_made(Connection.objects.get(), merchant)
    page = browser.get(f"/sandbox/connectors/{connector.guid}/edit/")
    typed = {name: connector.values[name] for name in ("name", "adapter", "method", "apiKey")}
    browser.post(
        f"/sandbox/connectors/{connector.guid}/edit/", {**typed, "base": hidden(page, "base"), **edit}
    )
    change = Change.objects.get()
    refused = browser.post(f"/changes/{change.pk}/send/").status_code == 422
    assert refused is (asked and kind == "production")


def test_the_same_create_prepared_twice_is_sent_once(browser, production, tenant, relay):
    address = f"/sandbox/tenants/{tenant}/merchants/new/"
    browser.post(address, MERCHANT), browser.post(address, MERCHANT)
    one, two = Change.objects.order_by("created_at")
    browser.post(f"/changes/{one.pk}/send/")
    stopped = browser.post(f"/changes/{two.pk}/send/")
    assert stopped.status_code == 409 and "You sent exactly this" in stopped.content.decode()
    assert relay.writes == 1
    browser.post(f"/changes/{two.pk}/send/", {"again": "1"})
    assert relay.writes == 2


def test_going_back_to_the_form_replaces_the_unsent_draft(browser, production, tenant):
    address, form = f"/sandbox/tenants/{tenant}/merchants/new/", {"submission": "0" * 31 + "1"}
    first = browser.post(address, MERCHANT | form)["Location"]
    assert browser.post(address, MERCHANT | form)["Location"] == first
    second = browser.post(address, MERCHANT | form | {"name": "Café Maier"})["Location"]
    assert second != first
    states = Change.objects.order_by("created_at").values_list("object_name", "state")
    assert list(states) == [("Café Müller", State.CANCELLED), ("Café Maier", State.PREPARED)]


def test_sending_a_dangerous_change_in_production_asks_to_step_up(browser, production, merchant, relay):
    browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"})
    change = Change.objects.get()
    session = browser.session
    session["proved_at"] = 0
    session.save()
    given = {"reason": "Fraud", "confirmation": merchant.name}
    answer = browser.post(f"/changes/{change.pk}/send/", given)
    assert answer["Location"].startswith("/accounts/confirm/") and relay.writes == 0
    Connection.objects.update(kind="sandbox")
    assert browser.post(f"/changes/{change.pk}/send/", given)["Location"] == f"/changes/{change.pk}/"
