"""A gateway that is newer than the contract: what it shows of a terminal comes back to it with every edit."""

import pytest
import requests

from portal.changes.models import Change, State
from provisioning.gateway.secrets import MASK
from tests.factories import connector_made, read
from tests.html_form import HtmlForm
from tests.portal.connectors.steps import url_of

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
