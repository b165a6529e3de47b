"""Events of one onboarding case, import or bulk action share a group id, which the hash covers."""

import json
from datetime import UTC

import pytest
from django.db import connection
from django.http import QueryDict

from portal.audit.exports import generate_export, prepare_export
from portal.audit.filters import parse_filters
from portal.audit.models import Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import remove_triggers
from portal.audit.verification.chain import verify_trail

SYSTEM = get_system_origin("tests")
GROUP = "0d5c5b0e-6f2f-4c57-9c55-6f4d2f6f1a11"


@pytest.fixture
def events(db):
    """Record two events of one group, one of another and one of none."""
    groups = (GROUP, "", GROUP, "other")
    return [record_event(action="change.accepted", origin=SYSTEM, group=group) for group in groups]


def test_a_group_is_stored_and_the_trail_verifies(events):
    assert list(Event.objects.order_by("pk").values_list("group_id", flat=True)) == [
        GROUP,
        "",
        GROUP,
        "other",
    ]
    assert verify_trail().whole


@pytest.mark.parametrize(("row", "forged"), [(1, ""), (1, "other"), (2, GROUP)])
def test_an_edited_group_is_found(events, row, forged):
    remove_triggers(connection)
    Event.objects.filter(pk=row).update(group_id=forged)
    problem = verify_trail().problems[0]
    assert (problem.sequence, problem.kind) == (row, "edited")


def test_the_list_shows_only_the_events_of_a_group(events, client_of, manager):
    page = client_of(manager).get(f"/audit/?group={GROUP}")
    assert [event.pk for event in page.context["table"].rows] == [3, 1]
    text = page.content.decode()
    assert f"Only events of the group <code>{GROUP}</code>" in text
    assert f'<input type="hidden" name="group" value="{GROUP}">' in text


def test_a_group_combines_with_other_filters(events, client_of, manager):
    refused = record_event(action="change.refused", origin=SYSTEM, group=GROUP)
    page = client_of(manager).get(f"/audit/?group={GROUP}&action=change.refused")
    assert [event.pk for event in page.context["table"].rows] == [refused.pk]


def test_an_unknown_group_is_explained(events, client_of, manager):
    page = client_of(manager).get("/audit/?group=missing")
    assert not page.context["table"].rows
    assert "No event of a group “missing” has been recorded." in page.content.decode()


def test_the_event_page_shows_its_group_and_links_to_its_events(events, client_of, manager):
    browser = client_of(manager)
    assert f'href="/audit/?group={GROUP}"' in browser.get("/audit/1/").content.decode()
    assert "All events of this group" not in browser.get("/audit/2/").content.decode()


def test_an_export_contains_the_group(events):
    export = prepare_export(wanted=parse_filters(QueryDict(f"group={GROUP}"), UTC), reason="x", origin=SYSTEM)
    _, *lines = "".join(generate_export(export, "jsonl", UTC)).splitlines()
    assert [json.loads(line)["group_id"] for line in lines] == [GROUP, GROUP]
