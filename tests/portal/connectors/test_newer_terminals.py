"""A gateway that is newer than the contract: what it shows of a terminal comes back to it with every edit."""

import pytest
import requests

from portal.changes.models import Change, State
from portal.connectors.field_types import keep_hidden_values
from provisioning.gateway.secrets import MASK
from tests.factories import connector_made, read, unique
from tests.html_form import HtmlForm
from tests.portal.connectors.steps import create_url, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def newer(gateway):
    """The gateway tells more of connectors than the contract knows, and takes that back."""
    for operation in ("listConnectors", "updateConnector"):
        order = {"fault": "future", "operation": operation, "requests": 50}
        requests.post(f"{gateway.root_url}/sandbox/faults", json=order, timeout=30).raise_for_status()
    yield
    requests.delete(f"{gateway.root_url}/sandbox/faults", timeout=30)


def test_a_terminal_is_edited_at_a_gateway_that_tells_more_of_it(browser, connection, merchant, newer):
    connector = connector_made(connection, merchant, terminals=[{"terminalId": "T1"}])
    data = HtmlForm(browser.get(url_of("edit", connector)).content.decode(), "base").data
    review = browser.post(url_of("edit", connector), {**data, "terminals.0.disabled": ["on"]})
    assert review.status_code == 302, review.content.decode()
    change = Change.objects.get()
    assert change.body["terminals"] == [{"terminalId": "T1", "disabled": True, "softwareVersion": MASK}]
    browser.post(f"/changes/{change.pk}/send/", {"reason": "Lost"})
    change.refresh_from_db()
    assert change.state == State.ACCEPTED, change.explanation
    (terminal,) = read(connection, "connector", merchant.guid, connector.guid).values["terminals"]
    assert terminal["disabled"] is True


def test_a_renamed_terminal_keeps_what_the_form_does_not_show(browser, connection, merchant, newer):
    connector = connector_made(connection, merchant, terminals=[{"terminalId": "T1"}, {"terminalId": "T2"}])
    data = HtmlForm(browser.get(url_of("edit", connector)).content.decode(), "base").data
    assert data["terminals.1.storedId"] == ["T2"]
    # The first is removed, the second renamed, and a new one takes the place of the first.
    changed = {
        "terminals.0.terminalId": [""],
        "terminals.1.terminalId": ["T9"],
        "terminals.2.terminalId": ["T1"],
    }
    review = browser.post(url_of("edit", connector), {**data, **changed})
    assert review.status_code == 302, review.content.decode()
    hidden = {"softwareVersion": MASK}
    assert Change.objects.get().body["terminals"] == [
        {"terminalId": "T9", "disabled": False, **hidden},
        {"terminalId": "T1", "disabled": False, **hidden},
    ]


def test_exchanged_terminal_ids_keep_the_values_of_their_terminals():
    stored = [{"terminalId": "T1", "future": "of 1"}, {"terminalId": "T2", "future": "of 2"}]
    typed = [
        {"terminalId": "T2", "storedId": "T1"},
        {"terminalId": "T1", "storedId": "T2"},
        {"terminalId": "T3"},
    ]
    assert keep_hidden_values(typed, stored) == [
        {"terminalId": "T2", "future": "of 1"}, {"terminalId": "T1", "future": "of 2"}, {"terminalId": "T3"},
    ]  # fmt: skip
    # A new terminal under the former name of another one is not that terminal.
    typed = [{"terminalId": "T9", "storedId": "T1"}, {"terminalId": "T1"}]
    assert keep_hidden_values(typed, stored) == [{"terminalId": "T9", "future": "of 1"}, {"terminalId": "T1"}]


def test_a_stored_id_is_never_sent(browser, connection, merchant):
    data = {
        "name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": f"key-{unique()}",
        "terminals.0.terminalId": "T1", "terminals.0.storedId": "T7",
    }  # fmt: skip
    assert browser.post(create_url(merchant), data).status_code == 302
    assert Change.objects.get().body["terminals"] == [{"terminalId": "T1", "disabled": False}]
