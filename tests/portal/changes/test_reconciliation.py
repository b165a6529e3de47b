"""Unknown outcomes are found out by reading, never by sending again."""

import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import AuditUnavailable
from portal.changes import outcomes, reconciliation, records
from portal.changes.errors import InvalidState
from portal.changes.models import Change, State
from tests.portal.changes.conftest import ORIGIN, actions, edited, merchant_made, merchant_now, only_change
from tests.portal.changes.test_updating import prepared


@pytest.fixture
def unknown(browser, tenant, relay, fault):
    """Create a merchant with a fault, so that its outcome is unknown."""

    def make(kind, **values):
        fault(kind, "createMerchant")
        form = {
            "name": f"{uuid.uuid4().hex[:8]} Nordlicht",
            "homepage": "https://n.example",
            "timezone": "UTC",
            "submission": str(uuid.uuid4()),
            **values,
        }
        browser.post(f"/sandbox/tenants/{tenant}/merchants/new/", form)
        change = Change.objects.get(submission=form["submission"])
        assert change.state == State.UNKNOWN
        return change

    return make


def later(change, **by):
    Change.objects.filter(pk=change.pk).update(
        intent_at=change.intent_at - timedelta(**(by or {"seconds": 61}))
    )


def test_a_create_that_happened_is_adopted(browser, unknown, relay):
    change = unknown("commit-then-drop")
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Check at the gateway" in page
    assert "Send again" not in page
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    assert change.object_guid
    assert actions(change)[-1] == "change.reconciled"
    # The event holds the values, so that the history of a field is complete.
    assert Event.objects.get(action="change.reconciled").after_data["homepage"] == "https://n.example"
    assert relay.writes == 1


def test_a_create_that_did_not_happen_may_be_sent_again_after_a_minute(browser, unknown, relay):
    change = unknown("500")
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == State.UNKNOWN
    assert "It may still arrive" in browser.get(f"/changes/{change.pk}/").content.decode()
    assert browser.post(f"/changes/{change.pk}/again/").status_code == 409
    later(change)
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == State.NOT_FOUND
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    for claim in ("did not take effect", "safe to try again", "Nothing changed"):
        assert claim not in page
    assert "may still be carried out" in page
    assert browser.post(f"/changes/{change.pk}/again/").status_code == 422
    assert relay.writes == 1
    browser.post(f"/changes/{change.pk}/again/", {"confirm": "1"})
    assert relay.writes == 2
    assert Change.objects.filter(state=State.ACCEPTED).count() == 1


def test_of_several_a_person_chooses(browser, unknown, tenant, relay):
    change = unknown("500")
    twins = [merchant_made(tenant, name=change.object_name) for _ in range(2)]
    browser.post(f"/changes/{change.pk}/check/")
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert twins[0].guid in page
    assert twins[1].guid in page
    assert browser.post(f"/changes/{change.pk}/adopt/", {"guid": "ME-other"}).status_code == 409
    browser.post(f"/changes/{change.pk}/adopt/", {"guid": twins[1].guid})
    change.refresh_from_db()
    assert (change.state, change.object_guid) == (State.ACCEPTED, twins[1].guid)
    assert browser.post(f"/changes/{change.pk}/adopt/", {"guid": twins[0].guid}).status_code == 409


def test_one_of_the_same_name_that_differs_is_not_adopted_by_itself(browser, unknown, tenant, relay):
    change = unknown("500")
    merchant_made(tenant, name=change.object_name, homepage="https://other.example")
    later(change)
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == State.UNKNOWN
    assert change.inquiry["result"] == "several"
    browser.post(f"/changes/{change.pk}/adopt/", {"guid": ""})
    change.refresh_from_db()
    assert change.state == State.NOT_FOUND


def test_an_older_entry_of_the_same_name_does_not_match(browser, unknown, tenant, relay):
    name = f"{uuid.uuid4().hex[:8]} Nordlicht"
    merchant_made(tenant, name=name, homepage="https://n.example")
    change = unknown("500", name=name)
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.inquiry["result"] == "not_yet"


def test_an_entry_made_by_another_change_does_not_match(browser, unknown, tenant, relay):
    first = unknown("commit-then-drop", name="Twin")
    browser.post(f"/changes/{first.pk}/check/")
    second = unknown("500", name="Twin", again="1")
    later(second, seconds=61)
    browser.post(f"/changes/{second.pk}/check/")
    second.refresh_from_db()
    assert second.state == State.NOT_FOUND


@pytest.mark.parametrize(("kind", "state"), [("commit-then-drop", State.ACCEPTED), ("500", State.NOT_FOUND)])
def test_an_unknown_update_is_settled_by_reading(*, browser, merchant, relay, fault, kind, state):
    change = prepared(browser, merchant, city="Linz")
    fault(kind, "updateMerchant")
    browser.post(f"/changes/{change.pk}/send/")
    change.refresh_from_db()
    assert change.state == State.UNKNOWN
    later(change)
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == state
    assert relay.writes == 1
    if state == State.NOT_FOUND:
        again = browser.post(f"/changes/{change.pk}/again/")
        assert again.url == browser.post(f"/changes/{change.pk}/again/").url
        browser.post(f"{again.url}send/")
        assert merchant_now(merchant)["city"] == "Linz"


def test_an_update_changed_by_others_since_stays_unknown_and_says_so(browser, merchant, relay, fault):
    change = prepared(browser, merchant, city="Linz", zipCode="4020")
    fault("500", "updateMerchant")
    browser.post(f"/changes/{change.pk}/send/")
    edited(merchant, city="Linz")
    browser.post(f"/changes/{change.pk}/check/")
    assert "some of the values" in browser.get(f"/changes/{change.pk}/").content.decode()
    edited(merchant, city="Graz")
    browser.post(f"/changes/{change.pk}/check/")
    assert "the portal cannot tell" in browser.get(f"/changes/{change.pk}/").content.decode()


def test_the_check_needs_the_right_and_an_unknown_outcome(
    *, browser, manager, agent, client_of, unknown, merchant
):
    change = unknown("500")
    assert client_of(manager).post(f"/changes/{change.pk}/check/").status_code == 403
    update = prepared(browser, merchant, city="Linz")
    with pytest.raises(InvalidState):
        reconciliation.check_change(user=agent, origin=ORIGIN, change=update)
    Change.objects.filter(pk=update.pk).update(state=State.UNKNOWN)
    update.refresh_from_db()
    with pytest.raises(InvalidState):
        reconciliation.adopt_candidate(user=agent, origin=ORIGIN, change=update, guid="x")


def test_the_gateway_away_during_a_check_is_a_page(browser, unknown, fault):
    change = unknown("500")
    fault("500", "listMerchants")
    response = browser.post(f"/changes/{change.pk}/check/")
    assert response.status_code == 502
    assert f"/changes/{change.pk}/" in response.content.decode()


CLAIMS = ("nothing was sent", "nothing was changed", "not sent")


@pytest.mark.parametrize("kind", ["500", "garbage", "html", "reset", "truncated", "429", "401"])
def test_a_check_that_fails_claims_nothing_about_the_change(browser, unknown, fault, kind):
    change = unknown("commit-then-drop")
    fault(kind, "listMerchants", 2)
    words = browser.post(f"/changes/{change.pk}/check/").content.decode().lower()
    assert "the gateway could not be read" in words
    assert [claim for claim in CLAIMS if claim in words] == []


def test_a_check_of_a_gateway_that_is_gone_claims_nothing_about_the_change(browser, unknown, connection):
    change = unknown("commit-then-drop")
    connection.base_url = "http://127.0.0.1:9/api/provisioning"
    connection.save()
    words = browser.post(f"/changes/{change.pk}/check/").content.decode().lower()
    assert "refused the connection" in words
    assert [claim for claim in CLAIMS if claim in words] == []


@pytest.mark.parametrize("step", ["check", "adopt", "close"])
def test_a_step_that_is_stopped_does_not_call_a_sent_change_unsent(browser, unknown, step, monkeypatch):
    def fail(*_args, **_values):
        raise AuditUnavailable("full")

    change = unknown("commit-then-drop")
    if step != "check":
        Change.objects.filter(pk=change.pk).update(intent_at=change.intent_at - timedelta(seconds=61))
    form = {"seen": "not_there", "reason": "Looked"}
    with monkeypatch.context() as patch:
        patch.setattr(records, "record_event", fail)
        unrecorded = browser.post(f"/changes/{change.pk}/{step}/", form)
    assert unrecorded.status_code == 503
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    too_late = browser.post(f"/changes/{change.pk}/{step}/", form)
    assert too_late.status_code == 409
    for page in (unrecorded, too_late):
        assert [claim for claim in CLAIMS if claim in page.content.decode().lower()] == []


def test_an_interrupted_send_is_unknown_and_one_that_never_left_is_not_sent(browser, merchant, relay, capsys):
    change = prepared(browser, merchant, city="Linz")
    old = timezone.now() - timedelta(seconds=31)
    Change.objects.filter(pk=change.pk).update(state=State.SENDING, claimed_at=old, intent_at=old)
    call_command("changes_settle")
    assert "1 changes settled" in capsys.readouterr().out
    change.refresh_from_db()
    assert change.state == State.UNKNOWN
    assert actions(change)[-1] == "change.unknown"
    event = Event.objects.get(action="change.unknown", change_id=str(change.pk))
    assert (event.operation, event.before_data, event.after_data) == (
        "merchant.update",
        {},
        {"city": "Linz"},
    )
    Change.objects.filter(pk=change.pk).update(state=State.SENDING, claimed_at=old, intent_at=None)
    browser.get("/changes/")
    change.refresh_from_db()
    assert change.state == State.NOT_SENT
    assert outcomes.settle_stale_changes() == 0


def test_a_forgotten_review_is_discarded_with_its_secrets(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    Change.objects.update(created_at=timezone.now() - timedelta(hours=25))
    outcomes.settle_stale_changes()
    assert (only_change().state, only_change().sealed_payload) == (State.CANCELLED, "")
    Change.objects.update(state=State.UNKNOWN, sealed_payload="x")
    outcomes.settle_stale_changes()
    assert only_change().sealed_payload == ""
    assert change.pk
