"""While the audit trail cannot be written, no write reaches the gateway."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from portal.changes import workflow
from portal.changes.models import Change, State
from tests.portal.changes.conftest import ORIGIN, hidden, merchant_now
from tests.portal.changes.test_updating import change_of, edit, form_of, prepared


@pytest.fixture
def audit_away():
    """Rename the audit table, as if it could not be written; the test's rollback restores it."""

    def take():
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_event RENAME TO audit_event_away")

    return take


@pytest.fixture
def merchants(browser, merchant, relay):
    """Return a merchant that is in the index before the audit trail fails."""
    browser.get(edit(merchant))
    return merchant


def test_a_create_without_record_sends_nothing_and_keeps_the_form(browser, tenant, relay, audit_away):
    url = f"/sandbox/tenants/{tenant}/merchants/new/"
    page = browser.get(url)
    audit_away()
    form = {"name": "Nordlicht", "submission": hidden(page, "submission")}
    response = browser.post(url, form)
    assert response.status_code == 503
    assert relay.writes == 0
    assert not Change.objects.exists()
    assert "so nothing was sent" in response.content.decode()
    assert 'value="Nordlicht"' in response.content.decode()
    assert hidden(response, "submission") == form["submission"]


def test_an_edit_without_record_is_not_prepared(browser, merchants, relay, audit_away):
    page = browser.get(edit(merchants))
    audit_away()
    response = browser.post(edit(merchants), form_of(page, city="Linz"))
    assert response.status_code == 503
    assert 'value="Linz"' in response.content.decode()
    assert not Change.objects.exists()


def test_an_action_without_record_is_not_prepared(browser, merchants, relay, audit_away):
    audit_away()
    response = browser.post(f"/sandbox/merchants/{merchants.guid}/disable/", {"reason": "x"})
    assert response.status_code == 503
    assert relay.writes == 0


def test_a_confirmation_without_record_sends_nothing_and_can_be_repeated(
    browser, merchants, relay, audit_away
):
    change = prepared(browser, merchants, city="Linz")
    audit_away()
    response = browser.post(f"/changes/{change.pk}/send/")
    assert response.status_code == 503
    assert relay.writes == 0
    change.refresh_from_db()
    assert change.state == State.PREPARED
    assert "city" not in merchant_now(merchants)


@pytest.mark.parametrize("step", ["cancel", "again", "check", "adopt", "reveal"])
def test_no_other_step_sends_without_record(*, browser, agent, merchants, relay, audit_away, step):
    change = prepared(browser, merchants, city="Linz")
    state = {"cancel": State.PREPARED, "again": State.NOT_SENT}.get(step, State.UNKNOWN)
    Change.objects.update(state=state, intent_at=timezone.now() - timedelta(minutes=5))
    audit_away()
    browser.post(f"/changes/{change.pk}/{step}/")
    assert relay.writes == 0
    assert Change.objects.get().state == state


def test_an_outcome_that_cannot_be_recorded_is_unknown_and_not_repeated(agent, merchants, relay, monkeypatch):
    """Neither database nor disk store the outcome: the page shows it, the record says unknown."""
    from portal.changes import outcomes

    def broken(*_args, **_kwargs):
        raise outcomes.AuditWriteError("gone")

    entity = change_of_now(merchants)
    change = change_of(agent, entity, city="Linz")
    monkeypatch.setattr(outcomes, "_write_outcome", broken)
    monkeypatch.setattr(outcomes, "spool_outcome", lambda *_args: False)
    change = workflow.send_change(user=agent, origin=ORIGIN, change=change)
    assert (change.state, change.is_recorded) == (State.ACCEPTED, False)
    assert Change.objects.get().state == State.SENDING
    assert relay.writes == 1
    Change.objects.update(claimed_at=timezone.now() - timedelta(minutes=1))
    change = workflow.send_change(user=agent, origin=ORIGIN, change=change)
    assert change.state == State.UNKNOWN
    assert relay.writes == 1


def test_a_broken_sender_means_an_unknown_outcome(agent, merchants, relay, monkeypatch):
    """The request may have been sent before the portal failed."""
    from provisioning import service

    change = change_of(agent, change_of_now(merchants), city="Linz")
    monkeypatch.setattr(service, "perform", lambda *_a, **_k: 1 / 0)
    assert workflow.send_change(user=agent, origin=ORIGIN, change=change).state == State.UNKNOWN


def test_an_index_that_cannot_keep_the_answer_does_not_undo_a_success(agent, tenant, relay, monkeypatch):
    """The write has happened; the index can be refreshed at any time."""
    from portal.changes import execution

    monkeypatch.setattr(execution, "store_entity", lambda **_k: 1 / 0)
    change = workflow.submit_change(
        user=agent,
        origin=ORIGIN,
        operation="merchant.create",
        connection="sandbox",
        target=tenant,
        object_name="N",
        payload={"name": "Nordlicht", "homepage": "https://n.example", "timezone": "UTC"},
        submission=uuid.uuid4(),
    )
    assert change.state == State.ACCEPTED


def test_a_create_that_the_index_cannot_keep_leads_to_a_page_that_exists(browser, tenant, relay, monkeypatch):
    from portal.changes import execution

    monkeypatch.setattr(execution, "store_entity", lambda **_k: 1 / 0)
    form = {"name": f"Unindexed {uuid.uuid4().hex}", "homepage": "https://n.example", "timezone": "UTC"}
    answer = browser.post(
        f"/sandbox/tenants/{tenant}/merchants/new/", {**form, "submission": str(uuid.uuid4())}
    )
    change = Change.objects.get()
    assert answer.url == f"/changes/{change.pk}/"
    page = browser.get(answer.url)
    assert page.status_code == 200
    assert "The gateway accepted the change" in page.content.decode()


def change_of_now(merchant):
    from provisioning import service

    return service.read_entity(
        connection="sandbox", kind="merchant", parent=merchant.parent, guid=merchant.guid
    )


def test_a_settling_that_cannot_be_recorded_waits_and_breaks_no_page(browser, merchants, relay, audit_away):
    change = prepared(browser, merchants, city="Linz")
    Change.objects.update(state=State.SENDING, claimed_at=timezone.now() - timedelta(minutes=1))
    audit_away()
    assert browser.get("/changes/").status_code == 200
    change.refresh_from_db()
    assert change.state == State.SENDING
