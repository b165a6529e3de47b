"""Changes that belong together share a group id, in their rows and in every audit event of theirs."""

import uuid

import pytest
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor

from portal.audit.models import Event
from portal.changes import workflow
from portal.changes.models import Change, State
from portal.changes.outcomes import settle_stale_changes
from provisioning.credentials.models import Connection
from tests.portal.changes.conftest import ORIGIN
from tests.portal.changes.test_change_records import change_of_now
from tests.portal.changes.test_updating import prepared

GROUP = "0d5c5b0e-6f2f-4c57-9c55-6f4d2f6f1a11"


def created(agent, tenant, group=GROUP):
    """Return a create that belongs to a group."""
    return workflow.submit_change(
        user=agent,
        origin=ORIGIN,
        operation="merchant.create",
        connection="sandbox",
        target=tenant,
        object_name="Nordlicht",
        payload={"name": f"Nordlicht {uuid.uuid4()}", "homepage": "https://n.example", "timezone": "UTC"},
        submission=uuid.uuid4(),
        group=group,
    )


def updated(agent, merchant):
    """Return an update that belongs to a group and is not sent yet."""
    return workflow.prepare_change(
        user=agent,
        origin=ORIGIN,
        operation="merchant.update",
        connection="sandbox",
        entity=change_of_now(merchant),
        payload={"city": "Linz"},
        group=GROUP,
    )


def groups_of_events(change):
    """Return the groups of the change's audit events, and how many events there are."""
    groups = list(Event.objects.filter(change_id=str(change.pk)).values_list("group_id", flat=True))
    return set(groups), len(groups)


def test_every_event_of_a_sent_change_has_its_group(agent, tenant, merchant, relay):
    change = created(agent, tenant)
    assert (change.state, change.group_id) == (State.ACCEPTED, GROUP)
    assert groups_of_events(change) == ({GROUP}, 3)
    change = workflow.send_change(user=agent, origin=ORIGIN, change=updated(agent, merchant))
    assert groups_of_events(change) == ({GROUP}, 3)


def test_the_events_of_a_discarded_and_of_an_expired_change_have_its_group(agent, merchant, settings):
    change = workflow.cancel_change(user=agent, origin=ORIGIN, change=updated(agent, merchant))
    assert groups_of_events(change) == ({GROUP}, 2)
    change = updated(agent, merchant)
    Change.objects.filter(pk=change.pk).update(created_at="2020-01-01T00:00:00Z")
    settle_stale_changes()
    assert groups_of_events(change) == ({GROUP}, 2)


def test_a_retry_stays_in_the_group(agent, tenant, merchant, relay):
    Connection.objects.update(base_url="http://127.0.0.1:9/api")
    change = created(agent, tenant)
    assert change.state == State.NOT_SENT
    retry = workflow.retry_change(user=agent, origin=ORIGIN, change=change)
    assert (retry.group_id, groups_of_events(retry)[0]) == (GROUP, {GROUP})


def test_the_list_shows_the_changes_of_a_group(browser, agent, tenant, merchant, relay):
    alone, grouped = prepared(browser, merchant, city="Graz"), created(agent, tenant)
    page = browser.get(f"/changes/?group={GROUP}")
    assert [change.pk for change in page.context["page"]] == [grouped.pk]
    text = page.content.decode()
    assert f"Only changes of the group <code>{GROUP}</code>" in text
    assert f'<input type="hidden" name="group" value="{GROUP}">' in text
    assert not list(browser.get(f"/changes/?group={GROUP}&state=refused").context["page"])
    assert {change.pk for change in browser.get("/changes/").context["page"]} == {alone.pk, grouped.pk}
    assert not list(browser.get("/changes/?group=other").context["page"])


def test_the_page_of_a_change_links_to_its_group(browser, agent, tenant, merchant, relay):
    alone, grouped = prepared(browser, merchant, city="Graz"), created(agent, tenant)
    assert f'href="/changes/?group={GROUP}"' in browser.get(f"/changes/{grouped.pk}/").content.decode()
    assert "All changes of this group" not in browser.get(f"/changes/{alone.pk}/").content.decode()


@pytest.mark.usefixtures("transactional_db")
def test_changes_from_before_the_migration_belong_to_no_group():
    before, after = ("changes", "0004_not_found_siblings_dismissed"), ("changes", "0005_group")
    executor = MigrationExecutor(database)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate([before])
    try:
        earlier = executor.loader.project_state([before]).apps.get_model("changes", "Change")
        row = earlier.objects.create(state="accepted", operation="merchant.update", actor_name="Ana")
        MigrationExecutor(database).migrate([after])
        # A process that was not restarted yet still writes without the column.
        late = earlier.objects.create(state="accepted", operation="merchant.update", actor_name="Ana")
        assert set(Change.objects.filter(pk__in=(row.pk, late.pk)).values_list("group_id", flat=True)) == {""}
    finally:
        MigrationExecutor(database).migrate(latest)
