"""A trail that was found broken is reported until a full verification finds it whole."""

from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import connection

from portal.audit.models import Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.verification.chain import verify_trail
from portal.audit.verification.jobs import record_verification
from portal.tasks.models import State, TaskRun
from tests.background.workers import worked_off


@pytest.fixture
def chain(db):
    """Rows 1 to 9."""
    for number in range(9):
        record_event(action="session.signed_in", origin=get_system_origin("x"), message=str(number))


def edited(row, message="x"):
    """The attacker, who leaves the guards on again."""
    remove_triggers(connection)
    Event.objects.filter(pk=row).update(message=message)
    install_triggers(connection)


def verified(browser, **asked):
    """A verification that the page was asked for, to its end."""
    assert browser.post("/audit/verify/", asked).status_code == 302
    worked_off()


def warned(client):
    """What the ready-check says about the proof; it is still ready."""
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200
    return answer.json()["warnings"].get("audit proof", "")


def shown_red(browser):
    """Whether the page of the proof, the home page and the ready-check say that the trail is broken."""
    said = {
        "starting at row 5" in browser.get("/audit/verify/").content.decode().split("Verify the chain")[0],
        "starting at row 5" in browser.get("/").content.decode(),
        "found broken" in warned(browser),
    }
    assert len(said) == 1
    return said.pop()


def verified_by_timer(*asked):
    """The command of a timer, whatever it finds."""
    with suppress(SystemExit):
        call_command("verify_audit", *asked)


def test_a_scheduled_finding_is_on_every_page_until_the_trail_is_intact(chain, manager, client_of):
    browser, genuine = client_of(manager), Event.objects.get(pk=5).message
    assert not shown_red(browser)
    edited(5)
    verified_by_timer()
    assert shown_red(browser) and "Row 5: it was edited" in browser.get("/").content.decode()
    for _ in range(51):
        audited = verify_trail(first=7, last=8)
        record_verification(audited, get_system_origin("x"))
    verified(browser, scope="part", first="7", last="8")
    TaskRun.objects.all().delete()
    assert shown_red(browser)
    edited(5, message=genuine)
    verified_by_timer()
    assert not shown_red(browser)


def test_what_the_page_found_is_over_when_a_timer_finds_all_whole(chain, manager, client_of):
    browser, genuine = client_of(manager), Event.objects.get(pk=5).message
    edited(5)
    verified(browser, scope="all")
    assert shown_red(browser)
    edited(5, message=genuine)
    verified_by_timer("--from", "7")
    assert shown_red(browser)
    verified_by_timer()
    assert not shown_red(browser)


def test_users_without_access_to_the_trail_see_no_finding(chain, agent, client_of):
    edited(5)
    verified_by_timer()
    assert "found broken" not in client_of(agent).get("/").content.decode()


@pytest.mark.parametrize(("tampered", "action"), [(False, "audit.verified"), (True, "audit.found_broken")])
def test_a_restarted_verification_is_recorded_once(chain, manager, client_of, tampered, action):
    client_of(manager).post("/audit/verify/", {"scope": "all"})
    if tampered:
        edited(5)
    worked_off()
    TaskRun.objects.update(state=State.WAITING)  # killed just before it could note that it was done
    worked_off()
    assert TaskRun.objects.get().state == State.DONE
    assert Event.objects.filter(action=action).count() == 1


def test_what_a_second_attempt_finds_is_recorded_if_it_is_something_else(chain, manager, client_of):
    client_of(manager).post("/audit/verify/", {"scope": "all"})
    worked_off()
    edited(5)
    TaskRun.objects.update(state=State.WAITING)
    worked_off()
    assert Event.objects.first().action == "audit.found_broken"
