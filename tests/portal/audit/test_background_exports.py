"""Exports in the background: the same file as a streamed one, its owner's alone, and gone after a day."""

import stat
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from portal.audit import exports
from portal.audit.models import ChainHead, Event
from portal.audit.recording import get_system_origin, record_event
from portal.tasks import services
from portal.tasks.models import State, TaskRun
from portal.tasks.recovery import recover_runs
from portal.tasks.runner import attempt
from tests.background.workers import worked_off


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    """A data folder of its own."""
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def browser(manager, client_of):
    """A manager's browser."""
    return client_of(manager)


@pytest.fixture
def rows(db):
    """Five events."""
    for number in range(5):
        record_event(action="session.signed_in", origin=get_system_origin("x"), message=str(number))


def asked(browser, query="", **values):
    """The run of an export that was asked for in the background."""
    form = {"form": "csv", "reason": "for the auditor", "background": "on", **values}
    assert browser.post(f"/audit/export/{query}", form)["Location"] == "/tasks/"
    return TaskRun.objects.first()


def body(answer):
    """The whole streamed answer."""
    return b"".join(answer.streaming_content)


def files(data: Path):
    """What lies in the folder of exports."""
    return sorted((data / "exports").glob("*"))


def lines_of(text: bytes):
    """An export without what differs from one moment to the next."""
    moment = (b"Exported at", b"ead of the chain", b"<dd>row", b"<dd>20", b'"export"')
    return [line for line in text.splitlines() if not any(mark in line for mark in moment)]


@pytest.mark.parametrize("form", ["csv", "jsonl", "html"])
def test_the_file_holds_what_a_streamed_export_holds(rows, browser, data, form):
    query = "?action=session.signed_in"
    run = asked(browser, query, form=form)
    worked_off()
    answer = browser.get(f"/audit/export/{run.pk}/")
    written = body(answer)
    streamed = browser.post(f"/audit/export/{query}", {"form": form, "reason": "for the auditor"})
    assert answer["Content-Type"] == streamed["Content-Type"]
    assert answer["Content-Disposition"].split(";")[0] == streamed["Content-Disposition"].split(";")[0]
    assert len(lines_of(written)) >= 5 and lines_of(written) == lines_of(body(streamed))


def test_asking_finishing_and_downloading_are_recorded(rows, browser):
    head = ChainHead.objects.get()
    run = asked(browser)
    assert (
        Event.objects.first().action == "audit.exported" and Event.objects.first().reason == "for the auditor"
    )
    worked_off()
    finished = Event.objects.first()
    assert finished.action == "audit.export_finished" and finished.actor_name == "Max Manager"
    assert finished.message == f"5 rows as csv, up to row 5, {head.hash}"
    assert finished.request_id == Event.objects.get(action="audit.exported").request_id
    browser.get(f"/audit/export/{run.pk}/")
    assert (
        Event.objects.first().sentence.endswith("UTC”")
        and "downloaded export" in Event.objects.first().sentence
    )


def test_only_the_owner_can_read_the_file(rows, browser, admin, client_of, data):
    run = asked(browser)
    worked_off()
    (file,) = files(data)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert client_of(admin).get(f"/audit/export/{run.pk}/").status_code == 404
    assert browser.get(f"/audit/export/{run.pk}/").status_code == 200


def test_downloading_wants_the_right_and_a_fresh_step_up(rows, browser, manager):
    run = asked(browser)
    worked_off()
    session = browser.session
    session["proved_at"] = int(time.time()) - 3600
    session.save()
    assert "/accounts/confirm/" in browser.get(f"/audit/export/{run.pk}/")["Location"]
    session["proved_at"] = int(time.time())
    session.save()
    assert browser.get(f"/audit/export/{run.pk}/").status_code == 200
    manager.groups.clear()
    assert browser.get(f"/audit/export/{run.pk}/").status_code == 403


def test_after_a_day_the_file_is_not_handed_out_and_then_gone(rows, browser, data):
    run = asked(browser)
    worked_off()
    run.refresh_from_db()
    assert timedelta(hours=23) < run.result_until - timezone.now() <= timedelta(hours=24)
    assert "Download" in browser.get("/tasks/").content.decode()
    TaskRun.objects.update(result_until=timezone.now() - timedelta(seconds=1))
    assert "has been deleted" in browser.get(f"/audit/export/{run.pk}/", follow=True).content.decode()
    assert len(files(data)) == 1
    recover_runs()
    assert files(data) == []
    text = browser.get("/tasks/").content.decode()
    assert "Download" not in text and "has expired" in text


def test_many_rows_go_to_the_background_by_themselves(rows, browser, settings):
    settings.AUDIT_EXPORT_INLINE_ROWS = 4
    answer = browser.post("/audit/export/", {"form": "csv", "reason": "x"})
    assert (
        answer.status_code == 302
        and TaskRun.objects.get().title == "Export of the audit trail as csv: everything"
    )
    answer = browser.post("/audit/export/?words=nothing-like-it", {"form": "csv", "reason": "x"})
    assert answer.status_code == 200 and answer.streaming


def test_later_events_and_a_second_attempt_change_nothing(rows, browser, data):
    run = asked(browser)
    record_event(action="session.signed_in", origin=get_system_origin("late"))
    attempt(str(run.pk))
    before = files(data)[0].read_bytes()
    assert b"late" not in before
    TaskRun.objects.update(state=State.WAITING)  # killed just before it could note that it was done
    attempt(str(run.pk))
    assert [file.read_bytes() for file in files(data)] == [before]
    assert Event.objects.filter(action="audit.export_finished").count() == 1


def test_what_was_left_half_done_is_taken_away(rows, browser, data, monkeypatch):
    monkeypatch.setattr(exports, "generate_export", lambda *_: iter(["half", None]))
    run = asked(browser)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.FAILED and files(data) == []


def test_too_many_open_tasks_are_refused_and_nothing_is_recorded(rows, browser, monkeypatch):
    monkeypatch.setattr(services, "MAX_OPEN", 0)
    page = browser.post("/audit/export/", {"form": "csv", "reason": "x", "background": "on"})
    assert page.status_code == 422 and "tasks running or waiting" in page.content.decode()
    assert not Event.objects.filter(action="audit.exported").exists()
