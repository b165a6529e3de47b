"""A gate in the list is enough to stop a change at its stage, before anything is sent."""

import uuid

import pytest

from portal.changes import gates, workflow
from portal.changes.errors import InvalidState
from portal.changes.gates import Stage
from portal.changes.models import Change, State
from provisioning import service
from tests.portal.changes.conftest import ORIGIN, actions
from tests.portal.changes.test_updating import change_of, prepared


class ClosedGate:
    """Refuse everything at this stage."""

    def __init__(self, stage):
        self.stage = stage

    def check(self, attempt):
        raise InvalidState(f"closed for {attempt.person}")


@pytest.fixture
def close(monkeypatch):
    def add(stage):
        monkeypatch.setattr(gates, "GATES", [*gates.GATES, ClosedGate(stage)])

    return add


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("stage", Stage)
def test_a_gate_stops_sending_and_the_change_can_be_confirmed_again(agent, merchant, relay, close, stage):
    entity = service.read_entity(
        connection="sandbox", kind="merchant", parent=merchant.parent, guid=merchant.guid
    )
    change = change_of(agent, entity, city="Linz")
    close(stage)
    with pytest.raises(InvalidState, match="closed"):
        workflow.send_change(user=agent, origin=ORIGIN, change=change)
    change.refresh_from_db()
    assert (change.state, change.claimed_at, relay.writes) == (State.PREPARED, None, 0)


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("stage", [Stage.START, Stage.RECORD])
def test_a_gate_stops_a_create_before_it_is_written_down(agent, tenant, relay, close, stage):
    close(stage)
    with pytest.raises(InvalidState, match="closed"):
        workflow.submit_change(
            user=agent,
            origin=ORIGIN,
            operation="merchant.create",
            connection="sandbox",
            target=tenant,
            object_name="Nordlicht",
            payload={"name": "Nordlicht", "homepage": "https://n.example", "timezone": "UTC"},
            submission=uuid.uuid4(),
        )
    assert not Change.objects.exists()
    assert relay.writes == 0


def moved(connection, base_url):
    """Give the connection another address that leads to the same gateway."""
    connection.base_url = base_url
    connection.save()


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("kind", ["update", "production create"])
def test_a_change_is_not_sent_to_an_address_that_its_author_did_not_see(
    browser, connection, merchant, relay, kind
):
    if kind == "update":
        change, form = prepared(browser, merchant, city="Linz"), f"/sandbox/merchants/{merchant.guid}/edit/"
    else:
        connection.kind, connection.name, connection.colour = "production", "Live", "red"
        connection.save()
        form = f"/sandbox/tenants/{connection.tenant_guid}/merchants/new/"
        browser.post(form, {"name": "Nordlicht", "homepage": "https://n.example", "timezone": "UTC"})
        change = Change.objects.get()
    reviewed = connection.base_url
    assert change.request["url"].startswith(f"{reviewed}/")
    moved(connection, reviewed.replace("127.0.0.1", "localhost"))
    answer = browser.post(f"/changes/{change.pk}/send/", {"reason": "moved"})
    assert answer.status_code == 409
    assert (
        "The address of this connection has changed since this change was prepared. "
        "Prepare the change again from its form." in answer.content.decode()
    )
    change.refresh_from_db()
    assert (change.state, change.claimed_at, relay.writes) == (State.PREPARED, None, 0)
    assert actions(change) == ["change.prepared"]
    assert browser.get(f"{form}?change={change.pk}").status_code == 200
    moved(connection, reviewed)
    browser.post(f"/changes/{change.pk}/send/", {"reason": "moved"})
    change.refresh_from_db()
    assert (change.state, relay.writes) == (State.ACCEPTED, 1)


class MovingGate:
    """Move the connection to another address after every other gate of the stage."""

    def __init__(self, stage, connection):
        self.stage, self.connection = stage, connection

    def check(self, attempt):
        moved(self.connection, self.connection.base_url.replace("127.0.0.1", "localhost"))


@pytest.mark.usefixtures("transactional_db")
def test_an_update_is_not_sent_to_an_address_changed_after_the_final_read(
    browser, connection, merchant, relay, monkeypatch
):
    change = prepared(browser, merchant, city="Linz")
    monkeypatch.setattr(gates, "GATES", [*gates.GATES, MovingGate(Stage.LAST_LOOK, connection)])
    browser.post(f"/changes/{change.pk}/send/", {"reason": "moved"})
    change.refresh_from_db()
    assert (change.state, relay.writes) == (State.NOT_SENT, 0)
    assert "The address of this connection has changed" in change.explanation


@pytest.mark.usefixtures("transactional_db")
def test_a_create_is_not_sent_to_an_address_that_is_new_after_its_intent(
    browser, connection, relay, monkeypatch
):
    monkeypatch.setattr(gates, "GATES", [*gates.GATES, MovingGate(Stage.LAST_LOOK, connection)])
    form = f"/sandbox/tenants/{connection.tenant_guid}/merchants/new/"
    browser.post(form, {"name": "Nordlicht", "homepage": "https://n.example", "timezone": "UTC"})
    change = Change.objects.get()
    assert (change.state, relay.writes) == (State.NOT_SENT, 0)
    assert "The address of this connection has changed" in change.explanation


@pytest.mark.usefixtures("transactional_db")
def test_a_create_is_discarded_if_the_address_is_new_after_it_was_prepared(
    browser, connection, relay, monkeypatch
):
    monkeypatch.setattr(gates, "GATES", [*gates.GATES, MovingGate(Stage.RECORD, connection)])
    form = f"/sandbox/tenants/{connection.tenant_guid}/merchants/new/"
    page = browser.post(form, {"name": "Nordlicht", "homepage": "https://n.example", "timezone": "UTC"})
    assert (Change.objects.get().state, relay.writes) == (State.CANCELLED, 0)
    assert page.status_code == 409
    assert "The address of this connection has changed" in page.content.decode()


@pytest.mark.usefixtures("transactional_db")
def test_a_retry_shows_the_address_that_it_is_sent_to(browser, connection, agent, merchant, relay):
    change, right = prepared(browser, merchant, city="Linz"), connection.base_url
    Change.objects.filter(pk=change.pk).update(
        state=State.NOT_SENT, request={**change.request, "url": "http://old.example/api"}
    )
    change.refresh_from_db()
    again = workflow.retry_change(user=agent, origin=ORIGIN, change=change)
    assert again.request["url"].startswith(f"{right}/") and again.body == change.body
    again = workflow.send_change(user=agent, origin=ORIGIN, change=again)
    assert (again.state, relay.writes) == (State.ACCEPTED, 1)
