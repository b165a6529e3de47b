"""Updates are reviewed, sent once, and never overwrite someone else's change."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from portal.audit.models import Event
from portal.changes import workflow
from portal.changes.errors import ConcurrentChange
from portal.changes.models import Change, State
from provisioning import service
from tests.portal.changes.conftest import ORIGIN, actions, edited, hidden, merchant_now, only_change


def edit(merchant):
    return f"/sandbox/merchants/{merchant.guid}/edit/"


def prepared(browser, merchant, **typed):
    """Edit through the form and return the prepared change."""
    page = browser.get(edit(merchant))
    response = browser.post(edit(merchant), form_of(page, **typed))
    assert response.status_code == 302, response.content.decode()
    return Change.objects.get(pk=response.url.split("/")[2])


def form_of(page, **typed):
    """Return the form's data as a browser posts it."""
    shown = {
        name: value for name, value in page.context["form"].initial.items() if value not in (None, False)
    }
    return {**shown, "base": hidden(page, "base"), **typed}


def test_an_edit_is_reviewed_field_by_field_and_sent_once(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    review = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Linz" in review
    assert "Request details" in review
    assert relay.writes == 0
    first = browser.post(f"/changes/{change.pk}/send/", {"reason": "moved"})
    second = browser.post(f"/changes/{change.pk}/send/", {"reason": "moved"})
    assert first.url == second.url
    assert relay.writes == 1
    assert merchant_now(merchant)["city"] == "Linz"
    change.refresh_from_db()
    assert (change.state, change.reason, change.sealed_payload) == (State.ACCEPTED, "moved", "")
    assert actions(change) == ["change.prepared", "change.intent", "change.accepted"]
    assert "accepted the change" in browser.get(first.url).content.decode()


def test_only_what_differs_is_sent_plus_what_the_contract_asks_for(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    assert set(change.body) == {"city", "name", "homepage", "timezone"}
    assert [row["field"] for row in change.rows if not row["unchanged"]] == ["city"]
    event = Event.objects.get(action="change.prepared")
    assert event.after_data == {"city": "Linz"} and set(event.before_data) <= {"city"}


def test_nothing_edited_is_said_and_nothing_prepared(browser, merchant, relay):
    page = browser.get(edit(merchant))
    response = browser.post(edit(merchant), form_of(page))
    assert "there is nothing to send" in response.content.decode()
    assert not Change.objects.exists()


def test_a_form_that_lost_its_base_comes_back(browser, merchant, relay):
    response = browser.post(edit(merchant), {"name": "X", "base": "forged"})
    assert response.status_code == 422
    assert not Change.objects.exists()


def test_a_concurrent_change_shows_the_form_again_with_the_differences(browser, merchant, relay):
    page = browser.get(edit(merchant))
    edited(merchant, zipCode="4020")
    response = browser.post(edit(merchant), form_of(page, city="Linz"))
    shown = response.content.decode()
    assert response.status_code == 409
    assert "Someone changed this" in shown
    assert "4020" in shown
    assert response.context["form"].initial["city"] == "Linz"
    assert response.context["form"].initial["zipCode"] == "4020"
    again = browser.post(edit(merchant), form_of(response))
    change = only_change()
    assert again.status_code == 302
    assert set(change.body) == {"city", "name", "homepage", "timezone"}


def test_a_change_between_review_and_confirmation_stops_it(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    edited(merchant, city="Graz")
    before = relay.writes
    response = browser.post(f"/changes/{change.pk}/send/", follow=True)
    change.refresh_from_db()
    assert change.state == State.CONFLICT
    assert relay.writes == before
    assert merchant_now(merchant)["city"] == "Graz"
    assert "Graz" in response.content.decode()
    assert actions(change)[-1] == "change.conflict"
    resumed = browser.get(f"{edit(merchant)}?change={change.pk}")
    assert "Someone changed this" in resumed.content.decode()
    assert resumed.context["form"].initial["city"] == "Linz"


def test_back_to_edit_keeps_what_was_typed(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    assert f"{edit(merchant)}?change={change.pk}" in browser.get(f"/changes/{change.pk}/").content.decode()
    assert 'value="Linz"' in browser.get(f"{edit(merchant)}?change={change.pk}").content.decode()


def test_a_refused_update_is_corrected_on_the_right_field(browser, merchant, relay):
    change = prepared(browser, merchant, timezone="Mars/Olympus", city="Linz")
    page = browser.post(f"/changes/{change.pk}/send/", follow=True)
    change.refresh_from_db()
    assert change.state == State.REFUSED
    assert change.code in str(page.context["form"].errors["timezone"])
    assert 'value="Linz"' in page.content.decode()
    assert "Correct it" in browser.get(f"/changes/{change.pk}/").content.decode()


def test_discarding_sends_nothing_and_cannot_be_undone_by_confirming(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    assert browser.post(f"/changes/{change.pk}/cancel/").url == f"/sandbox/merchants/{merchant.guid}/"
    browser.post(f"/changes/{change.pk}/send/")
    change.refresh_from_db()
    assert (change.state, change.sealed_payload) == (State.CANCELLED, "")
    assert relay.writes == 0
    assert "Discarded" in browser.get(f"/changes/{change.pk}/").content.decode()


def test_disabling_wants_a_reason_and_goes_the_same_way(browser, merchant, relay):
    url = f"/sandbox/merchants/{merchant.guid}/disable/"
    assert "disables its connectors and users immediately" in browser.get(url).content.decode()
    assert browser.post(url).status_code == 422
    response = browser.post(url, {"reason": "fraud"})
    change = only_change()
    assert change.dangerous
    assert response.url == f"/changes/{change.pk}/"
    browser.post(f"/changes/{change.pk}/send/")
    assert merchant_now(merchant)["disabled"] is True
    assert "disabled merchant" in Event.objects.get(action="change.accepted").sentence
    assert browser.post(url, {"reason": "again"}).status_code == 409
    assert "othing to change" in browser.get(url).content.decode()


def test_a_dangerous_edit_without_reason_is_not_sent(browser, merchant, relay):
    change = prepared(browser, merchant, disabled="on")
    response = browser.post(f"/changes/{change.pk}/send/")
    assert response.status_code == 422
    assert "give a reason" in response.content.decode()
    assert relay.writes == 0


def test_production_asks_for_the_name_before_a_dangerous_change(browser, merchant, relay, connection):
    connection.kind = "production"
    connection.save()
    change = prepared(browser, merchant, disabled="on")
    assert "Type “" in browser.get(f"/changes/{change.pk}/").content.decode()
    assert browser.post(f"/changes/{change.pk}/send/", {"reason": "x"}).status_code == 422
    assert relay.writes == 0
    browser.post(f"/changes/{change.pk}/send/", {"reason": "x", "confirmation": merchant.name})
    assert relay.writes == 1


def test_a_change_waits_again_when_the_final_read_fails(browser, merchant, relay, fault):
    change = prepared(browser, merchant, city="Linz")
    fault("500", "listMerchants")
    response = browser.post(f"/changes/{change.pk}/send/", follow=True)
    change.refresh_from_db()
    assert change.state == State.PREPARED
    assert "Nothing was sent" in response.content.decode()
    assert relay.writes == 0


def test_a_merchant_missing_at_the_final_read_is_a_conflict(browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    Change.objects.update(object_guid="ME-gone")
    browser.post(f"/changes/{change.pk}/send/")
    change.refresh_from_db()
    assert change.state == State.CONFLICT
    assert relay.writes == 0


def test_a_second_writer_waits_for_the_first(browser, agent, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    other = prepared(browser, merchant, city="Wels")
    Change.objects.filter(pk=other.pk).update(state=State.SENDING, claimed_at=timezone.now())
    response = browser.post(f"/changes/{change.pk}/send/")
    assert response.status_code == 409
    assert "is being sent" in response.content.decode()
    with pytest.raises(ConcurrentChange):
        workflow.send_change(user=agent, origin=ORIGIN, change=change)
    change.refresh_from_db()
    assert change.state == State.PREPARED
    assert relay.writes == 0


def test_who_lost_the_right_cannot_confirm(browser, agent, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    agent.groups.clear()
    response = browser.post(f"/changes/{change.pk}/send/")
    assert response.status_code == 403
    assert relay.writes == 0


def test_services_recheck_permissions(browser, manager, client_of, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    assert client_of(manager).get(f"/changes/{change.pk}/").status_code == 200
    assert client_of(manager).post(f"/changes/{change.pk}/send/").status_code == 403
    assert Event.objects.filter(action="access.denied", message__contains=str(change.pk)).exists()
    assert relay.writes == 0


def test_the_gateway_away_is_a_page_and_an_unknown_entity_a_404(browser, merchant, relay, fault):
    browser.get(edit(merchant))
    page = browser.get(edit(merchant))
    fault("500", "listMerchants")
    away = browser.get(edit(merchant))
    assert away.status_code == 502
    assert away.content.decode().count("It only reads them") == 1
    assert "Do not send it again" not in away.content.decode()
    fault("401", "listMerchants")
    assert "does not accept the stored API key" in browser.get(edit(merchant)).content.decode()
    fault("500", "listMerchants")
    kept = browser.post(edit(merchant), form_of(page, city="Linz"))
    assert kept.status_code == 503
    assert 'value="Linz"' in kept.content.decode()
    assert "Nothing was sent" in kept.content.decode()
    assert "Do not send it again" not in kept.content.decode()
    assert hidden(kept, "base") == hidden(page, "base")


def test_two_editors_a_hundred_times_no_silent_overwrite(transactional_db, agent, admin, merchant, relay):
    """Both saw the same values; the second is stopped at once, or at the second try after "busy"."""

    def send(pair):
        person, change = pair
        try:
            return workflow.send_change(user=person, origin=ORIGIN, change=change).state
        except ConcurrentChange:
            return "busy"
        finally:
            connections.close_all()

    rounds = random.Random(1)  # noqa: S311
    with ThreadPoolExecutor(2) as pool:
        for turn in range(100):
            entity = service.read_entity(
                connection="sandbox", kind="merchant", parent=merchant.parent, guid=merchant.guid
            )
            pairs = [(who, change_of(who, entity, city=f"{who.username}-{turn}")) for who in (agent, admin)]
            rounds.shuffle(pairs)
            states = list(pool.map(send, pairs))
            assert states.count(State.ACCEPTED) == 1, states
            assert set(states) <= {State.ACCEPTED, State.CONFLICT, "busy"}
            for pair, state in zip(pairs, states, strict=True):
                if state == "busy":
                    assert send(pair) == State.CONFLICT
            winner = next(
                person for (person, _), state in zip(pairs, states, strict=True) if state == "accepted"
            )
            assert merchant_now(merchant)["city"] == f"{winner.username}-{turn}"
    assert relay.writes == 100


def change_of(person, entity, **payload):
    return workflow.prepare_change(
        user=person,
        origin=ORIGIN,
        operation="merchant.update",
        connection="sandbox",
        entity=entity,
        payload=payload,
        reason=str(uuid.uuid4()),
    )


def test_confirming_sixteen_times_at_once_sends_once(transactional_db, agent, client_of, merchant, relay):
    change = prepared(client_of(agent), merchant, city="Linz")
    browsers = [client_of(agent) for _ in range(16)]

    def click(browser):
        try:
            return browser.post(f"/changes/{change.pk}/send/").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(click, browsers)) == {302}
    assert relay.writes == 1


def test_the_list_filters_by_state_and_person(browser, admin, client_of, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    assert change.title in browser.get("/changes/?state=prepared&mine=1").content.decode()
    assert change.title not in browser.get("/changes/?state=accepted").content.decode()
    assert change.title not in client_of(admin).get("/changes/?mine=1").content.decode()
    assert change.title in client_of(admin).get("/changes/?state=nonsense").content.decode()
    assert str(change).startswith("merchant.update")
