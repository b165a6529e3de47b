"""Adopting an entity for an unknown create never reveals secrets of an entity that it did not create."""

import uuid

import pytest

from portal.changes.models import Change, State
from provisioning import service


@pytest.fixture
def theirs(merchant):
    """Create a connector of someone else with a shared secret."""
    made = service.perform(
        "connector.create",
        connection="sandbox",
        target=merchant.guid,
        payload={
            "name": "Production",
            "adapter": "Simulator",
            "method": "Creditcard",
            "apiKey": uuid.uuid4().hex,
            "sharedSecret": "their-shared-secret",
        },
    )
    assert isinstance(made, service.Accepted), made
    return made.entity


@pytest.fixture
def unknown(browser, merchant, relay, fault):
    """Create a connector with an unknown outcome."""

    def make(kind="500", **values):
        fault(kind, "createConnector")
        form = {
            "name": "ACME CC",
            "adapter": "Simulator",
            "method": "Creditcard",
            "apiKey": uuid.uuid4().hex,
            "submission": str(uuid.uuid4()),
            **values,
        }
        browser.post(f"/sandbox/merchants/{merchant.guid}/connectors/new/", form)
        change = Change.objects.get(submission=form["submission"])
        assert change.state == State.UNKNOWN
        return change

    return make


def test_only_an_entity_that_may_be_the_change_s_own_can_be_adopted(browser, unknown, theirs):
    change = unknown()
    answer = browser.post(f"/changes/{change.pk}/adopt/", {"guid": theirs.guid})
    assert answer.status_code == 409
    change.refresh_from_db()
    assert (change.state, change.sealed_secrets) == (State.UNKNOWN, "")
    shown = browser.post(f"/changes/{change.pk}/reveal/")
    assert shown.status_code == 410
    assert "their-shared-secret" not in shown.content.decode()


@pytest.mark.parametrize("step", ["check", "adopt"])
def test_a_namesake_is_adopted_without_its_secrets(browser, unknown, theirs, step):
    change = unknown(name=theirs.name)
    browser.post(f"/changes/{change.pk}/{step}/", {"guid": theirs.guid})
    change.refresh_from_db()
    assert change.sealed_secrets == ""


def test_what_the_change_made_itself_still_shows_its_generated_secrets_once(browser, unknown):
    change = unknown("commit-then-drop")
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    assert browser.post(f"/changes/{change.pk}/reveal/").status_code == 200
