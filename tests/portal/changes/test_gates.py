"""A gate in the list is enough to stop a change at its stage, before anything is sent."""

import uuid

import pytest

from portal.changes import gates, workflow
from portal.changes.errors import InvalidState
from portal.changes.gates import Stage
from portal.changes.models import Change, State
from provisioning import service
from tests.portal.changes.conftest import ORIGIN
from tests.portal.changes.test_updating import change_of


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
