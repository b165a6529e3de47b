"""Creates: one submission is one request, its intent recorded first, its outcome afterwards."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from portal.audit.models import Event
from portal.changes import gates
from portal.changes.errors import InvalidState
from portal.changes.models import Change, State
from portal.directory.models import IndexedEntity
from tests.portal.changes.conftest import actions, hidden, only_change

FIELDS = {"name": "Nordlicht", "homepage": "https://nordlicht.example", "timezone": "Europe/Vienna"}


def new(tenant):
    return f"/sandbox/tenants/{tenant}/merchants/new/"


def test_a_create_lands_on_the_new_page_and_is_recorded(browser, tenant, relay):
    page = browser.get(new(tenant))
    assert page.status_code == 200
    response = browser.post(new(tenant), {**FIELDS, "submission": hidden(page, "submission")})
    change = only_change()
    assert response.status_code == 302
    assert response.url == f"/sandbox/merchants/{change.object_guid}/"
    assert change.state == State.ACCEPTED
    assert change.sealed_payload == ""
    assert actions(change) == ["change.prepared", "change.intent", "change.accepted"]
    assert relay.writes == 1
    assert IndexedEntity.objects.filter(kind="merchant", guid=change.object_guid, name="Nordlicht").exists()


def test_the_same_submission_again_sends_nothing_and_lands_on_the_same_page(browser, tenant, relay):
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    first, second = browser.post(new(tenant), form), browser.post(new(tenant), form)
    assert first.url == second.url
    assert relay.writes == 1


@pytest.mark.parametrize(
    "state", [State.ACCEPTED, State.SENDING, State.UNKNOWN, State.REFUSED, State.NOT_SENT]
)
def test_the_same_submission_with_other_values_is_refused_and_keeps_them(browser, tenant, relay, state):
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    browser.post(new(tenant), form)
    Change.objects.update(state=state)
    second = browser.post(new(tenant), {**form, "name": "Suedlicht"})
    page = second.content.decode()
    assert second.status_code == 409 and relay.writes == 1 and Change.objects.count() == 1
    assert "already sent with other values" in page and 'value="Suedlicht"' in page
    again = browser.post(
        new(tenant), {**form, "name": "Suedlicht", "submission": hidden(second, "submission")}
    )
    assert again.status_code == 302 and relay.writes == 2


def test_a_submission_of_another_user_is_refused(browser, admin, client_of, tenant, relay):
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    browser.post(new(tenant), form)
    assert client_of(admin).post(new(tenant), form).status_code == 409
    assert relay.writes == 1


def test_sixteen_parallel_clicks_are_one_request(transactional_db, agent, client_of, tenant, relay):
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    browsers = [client_of(agent) for _ in range(16)]

    def click(browser):
        try:
            return browser.post(new(tenant), form).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(click, browsers))
    assert set(statuses) == {302}
    assert relay.writes == 1
    assert Change.objects.count() == 1


def test_while_it_is_being_sent_the_page_says_so_and_asks_again(browser, agent, tenant, relay):
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    browser.post(new(tenant), form)
    change = only_change()
    Change.objects.update(state=State.SENDING)
    response = browser.post(new(tenant), form, follow=True)
    assert "is being sent" in response.content.decode()
    assert response["Refresh"] == "2"
    assert relay.writes == 1
    assert change.pk


def test_a_refusal_keeps_what_was_typed_and_names_the_field(browser, tenant, relay):
    form = {**FIELDS, "timezone": "Mars/Olympus", "city": "Graz", "submission": str(uuid.uuid4())}
    response = browser.post(new(tenant), form)
    change = only_change()
    assert change.state == State.REFUSED, (change.explanation, change.gateway_message)
    assert response.status_code == 422
    shown = response.context["form"]
    assert change.field == "timezone"
    assert "timezone" in shown.errors
    assert change.code in shown.errors["timezone"][0]
    assert 'value="Graz"' in response.content.decode()
    assert hidden(response, "submission") != form["submission"]
    assert actions(change) == ["change.prepared", "change.intent", "change.refused"]
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Correct it" in page
    resumed = browser.get(f"{new(tenant)}?change={change.pk}")
    assert "timezone" in resumed.context["form"].errors
    assert 'value="Graz"' in resumed.content.decode()


def test_an_invalid_form_sends_nothing(browser, tenant, relay):
    response = browser.post(new(tenant), {"name": ""})
    assert response.status_code == 422
    assert relay.writes == 0
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("401", State.REFUSED),
        ("422", State.REFUSED),
        ("500", State.UNKNOWN),
        ("reset", State.UNKNOWN),
        ("hang=4", State.UNKNOWN),
        ("truncated", State.UNKNOWN),
        ("html", State.UNKNOWN),
        ("huge=2", State.UNKNOWN),
        ("redirect", State.UNKNOWN),
        ("garbage", State.UNKNOWN),
        ("commit-then-drop", State.UNKNOWN),
    ],
)
def test_every_fault_of_the_gateway_has_its_outcome(*, browser, tenant, relay, fault, kind, state):
    fault(kind, "createMerchant")
    response = browser.post(new(tenant), {**FIELDS, "submission": str(uuid.uuid4())})
    change = only_change()
    assert change.state == state, change.explanation
    assert actions(change) == ["change.prepared", "change.intent", f"change.{state.value}"]
    assert relay.writes == 1
    assert response.status_code == (422 if state == State.REFUSED else 302)
    assert browser.get(f"/changes/{change.pk}/").status_code == 200


def test_nothing_listens_means_not_sent_and_can_be_sent_again_once(browser, tenant, relay, connection):
    browser.get(new(tenant))
    right = connection.base_url
    connection.base_url = "http://127.0.0.1:9/api/provisioning"
    connection.save()
    response = browser.post(new(tenant), {**FIELDS, "submission": str(uuid.uuid4())}, follow=True)
    change = only_change()
    assert change.state == State.NOT_SENT
    assert "Send again" in response.content.decode()
    connection.base_url = right
    connection.save()
    first = browser.post(f"/changes/{change.pk}/again/")
    second = browser.post(f"/changes/{change.pk}/again/")
    assert first.url == second.url
    assert relay.writes == 1
    assert Change.objects.exclude(pk=change.pk).get().state == State.ACCEPTED
    change.refresh_from_db()
    assert change.sealed_payload == ""


def test_a_user_without_permission_gets_no_form(manager, client_of, tenant, relay):
    assert client_of(manager).post(new(tenant), FIELDS).status_code == 403
    assert relay.writes == 0
    assert Event.objects.filter(action="access.denied").exists()


def test_an_unknown_parent_is_a_404(browser, relay):
    assert browser.get(new("TE-nobody")).status_code == 404


def test_a_create_that_is_stopped_on_its_way_leaves_nothing_to_send(browser, tenant, relay, monkeypatch):
    """It is prepared like an update; what stops it then discards it, and the form sends it again."""

    class StopOnce:
        stage = gates.Stage.LAST_LOOK
        stopped = False

        def check(self, attempt):
            if not self.stopped:
                self.stopped = True
                raise InvalidState("Not now.")

    monkeypatch.setattr(gates, "GATES", [*gates.GATES, StopOnce()])
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    assert browser.post(new(tenant), form).status_code == 409
    assert (only_change().state, relay.writes) == (State.CANCELLED, 0)
    assert browser.post(new(tenant), form).status_code == 302
    assert relay.writes == 1
    states = Change.objects.order_by("created_at").values_list("state", flat=True)
    assert list(states) == [State.CANCELLED, State.ACCEPTED]
