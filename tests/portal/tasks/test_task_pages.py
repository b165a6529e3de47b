"""The page of background work: one's own, with progress, stop and start again."""

import time

import pytest

from portal.tasks.models import State, TaskRun
from portal.tasks.recovery import record_worker
from portal.tasks.runner import attempt
from portal.tasks.services import Owner, enqueue_task
from provisioning.registry import UnknownNameError
from tests.background.kinds import kinds_register

kinds_register()


def work_of(person, kind="test.refused", **arguments):
    """A run of someone's."""
    return enqueue_task(kind=kind, title="Count the rows", owner=Owner(person.pk, "x"), arguments=arguments)


def shown(client):
    """The page as text."""
    return client.get("/tasks/").content.decode()


def test_an_empty_page_says_what_it_is_for(agent, client_of):
    assert "runs in the background" in shown(client_of(agent))


def test_only_the_owner_sees_stops_and_starts_work(agent, manager, client_of):
    run = work_of(agent)
    assert "Count the rows" in shown(client_of(agent)) and "Count the rows" not in shown(client_of(manager))
    for step in ("cancel", "retry"):
        assert client_of(manager).post(f"/tasks/{run.pk}/{step}/").status_code == 404
    run.refresh_from_db()
    assert run.state == State.WAITING


def test_the_buttons_stop_and_start_again(agent, client_of):
    run, browser = work_of(agent), client_of(agent)
    text = browser.post(f"/tasks/{run.pk}/cancel/", follow=True).content.decode()
    assert "was stopped" in text and "Start again" in text and "Stopped" in text
    assert "had already ended" in browser.post(f"/tasks/{run.pk}/cancel/", follow=True).content.decode()
    assert "waiting to start again" in browser.post(f"/tasks/{run.pk}/retry/", follow=True).content.decode()
    assert "Only work that failed" in browser.post(f"/tasks/{run.pk}/retry/", follow=True).content.decode()


def test_who_lost_the_right_cannot_start_it_again(agent, client_of):
    run = work_of(agent, "test.broken")  # needs audit.export
    attempt(str(run.pk))
    assert client_of(agent).post(f"/tasks/{run.pk}/retry/").status_code == 403
    run.refresh_from_db()
    assert run.state == State.FAILED


def test_progress_and_result_are_shown(agent, client_of, tmp_path):
    run = work_of(agent, "test.count", file=str(tmp_path / "log"), steps=2, pause=0)
    TaskRun.objects.update(state=State.RUNNING, done=12_000, total=48_000)
    text = shown(client_of(agent))
    assert 'value="25"' in text and "12,000 of 48,000" in text and "data-poll" in text
    TaskRun.objects.update(state=State.WAITING)
    attempt(str(run.pk))
    text = shown(client_of(agent))
    assert f"/counted/{run.pk}/" in text and "Available until" in text and "data-poll" not in text


def test_the_page_says_when_no_worker_is_running(agent, client_of):
    work_of(agent)
    assert "aren’t responding" in shown(client_of(agent))
    record_worker("one")
    assert "aren’t responding" not in shown(client_of(agent))


def test_the_readiness_check_warns_without_workers(client, db):
    def warnings():
        answer = client.get("/healthz/ready")
        assert answer.status_code == 200
        return answer.json()["warnings"]

    assert "no worker is running" in warnings()["background work"]
    record_worker("one")
    assert "background work" not in warnings()


@pytest.mark.parametrize("kind", ["gone.kind"])
def test_work_of_a_kind_that_is_gone_is_still_shown(agent, client_of, kind):
    run, browser = work_of(agent), client_of(agent)
    TaskRun.objects.update(kind=kind, state=State.DONE)
    assert "Count the rows" in shown(browser)
    TaskRun.objects.update(state=State.FAILED)
    assert "no longer exists" in browser.post(f"/tasks/{run.pk}/retry/", follow=True).content.decode()


@pytest.mark.parametrize("step, state", [("cancel", State.WAITING), ("retry", State.FAILED)])
def test_a_decision_that_cannot_be_recorded_is_not_carried_out(agent, client_of, step, state):
    run, browser = work_of(agent, "test.mistaken"), client_of(agent)
    TaskRun.objects.update(state=state)
    with pytest.raises(UnknownNameError):
        browser.post(f"/tasks/{run.pk}/{step}/")
    run.refresh_from_db()
    assert run.state == state


def test_looking_on_by_itself_does_not_keep_a_session_alive(agent, client_of):
    browser = client_of(agent)
    session = browser.session
    session["seen_at"] = seen = int(time.time()) - 60
    session.save()
    browser.get("/tasks/", headers={"X-Portal-Poll": "1"})
    assert browser.session["seen_at"] == seen
    browser.get("/tasks/")
    assert browser.session["seen_at"] > seen
