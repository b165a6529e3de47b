"""Who changed a right, and why: the reason is asked for where it is done and stands in the event."""

import pytest

from portal.audit.models import Event
from portal.staff.models import User
from portal.staff.roles import MANAGER
from provisioning.credentials.models import Connection

WHY = "moved to another team"


def newest(action):
    """The newest event of an action."""
    return Event.objects.filter(action=action).first()


@pytest.fixture
def browser(admin, client_of):
    """The admin's."""
    return client_of(admin)


@pytest.mark.parametrize("why", [WHY, ""])
def test_a_new_role_or_tenant_access_accepts_a_reason(agent, connection, browser, why):
    assert browser.post(f"/staff/{agent.pk}/role/", {"role": MANAGER, "reason": why}).status_code == 302
    places = {"where": "limited", "places": "sandbox/", "reason": why}
    assert browser.post(f"/staff/{agent.pk}/tenants/", places).status_code == 302
    assert newest("staff.role_changed").reason == newest("staff.reach_changed").reason == why
    assert newest("staff.role_changed").sentence.endswith(f": {WHY}") == bool(why)


def test_disabling_a_user_requires_a_reason(agent, browser):
    for values in ({}, {"reason": " "}):
        answer = browser.post(f"/staff/{agent.pk}/disable/", values)
        assert answer.status_code == 422 and "The user was not disabled" in answer.content.decode()
    assert User.objects.get(pk=agent.pk).is_active and not Event.objects.exists()
    assert browser.post(f"/staff/{agent.pk}/disable/", {"reason": WHY}).status_code == 302
    assert newest("staff.disabled").reason == WHY


def test_no_connection_is_paused_without_a_reason_and_resuming_may_have_one(connection, browser):
    for values in ({}, {"reason": " "}):
        answer = browser.post("/connections/sandbox/pause/", values)
        assert answer.status_code == 422 and "Nothing was changed" in answer.content.decode()
    assert not Connection.objects.get().is_paused and not Event.objects.exists()
    assert browser.post("/connections/sandbox/pause/", {"reason": WHY}).status_code == 302
    assert browser.post("/connections/sandbox/resume/").status_code == 302
    told = [
        (event.action, event.reason, event.before_data, event.after_data) for event in Event.objects.all()
    ]
    assert sorted(told) == [
        ("connection.paused", WHY, {"is_paused": False}, {"is_paused": True}),
        ("connection.resumed", "", {"is_paused": True}, {"is_paused": False}),
    ]


def test_forms_that_ask_for_a_reason_have_unique_ids_on_one_page(agent, browser):
    page = browser.get(f"/staff/{agent.pk}/").content.decode()
    assert page.count('name="reason"') == 2
    assert all(page.count(f'id="{name}_reason"') == 1 for name in ("role", "disable"))
