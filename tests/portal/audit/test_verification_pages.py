"""Verifying a part of the trail, in the background: ranges, what is recorded, what stands out."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from portal.audit.models import ChainHead, Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.verification import chain
from portal.audit.verification.chain import verify_trail
from portal.audit.verification.jobs import Extent, NoSuchRows, parse_extent
from portal.tasks.models import State, TaskRun
from tests.background.workers import worked_off

ROWS = 9


@pytest.fixture
def nine_rows(db):
    """Rows 1 to 9."""
    for number in range(ROWS):
        record_event(action="session.signed_in", origin=get_system_origin("x"), message=str(number))


def edited(*rows, **values):
    """The attacker, who leaves the guards on again."""
    remove_triggers(connection)
    Event.objects.filter(pk__in=rows).update(**values or {"message": "x"})
    install_triggers(connection)


def deleted(*rows):
    """The same with less left."""
    remove_triggers(connection)
    Event.objects.filter(pk__in=rows).delete()
    install_triggers(connection)


def verified(browser, **asked):
    """The page after the verification that was asked for is done."""
    assert browser.post("/audit/verify/", asked).status_code == 302
    worked_off()
    return browser.get("/audit/verify/").content.decode()


def test_a_range_reads_its_rows_and_no_other(nine_rows):
    edited(2, 8)
    report = verify_trail(first=3, last=7)
    assert report.whole and report.rows == 5 and report.extent == ", from row 3 to 7"
    assert verify_trail(first=2, last=7).problems[0].sequence == 2
    assert verify_trail(first=3).problems[0].sequence == 8
    assert verify_trail(last=1).whole


def test_a_range_is_joined_to_the_row_before_it(nine_rows):
    deleted(4)
    problem = verify_trail(first=5, last=7).problems[0]
    assert (problem.sequence, problem.kind) == (4, "deleted")
    edited(6, previous_hash="0" * 63 + "1")
    assert not verify_trail(first=6, last=6).whole


def test_a_range_misses_rows_at_its_end(nine_rows):
    deleted(6, 7)
    problem = verify_trail(first=3, last=7).problems[0]
    assert (problem.sequence, problem.text) == (6, "it and all rows up to 7 were deleted.")


def test_a_range_beyond_the_end_is_read_to_the_end_with_its_head(nine_rows):
    assert verify_trail(first=3, last=500).rows == ROWS - 2
    deleted(9)
    assert verify_trail(first=3, last=500).problems[0].kind == "cut off"


def test_progress_counts_the_rows_that_are_read(nine_rows, monkeypatch):
    monkeypatch.setattr(chain, "CHUNK", 2)
    seen = []
    monkeypatch.setattr(chain, "_VerificationCursor", lambda **values: _small_walk(values))
    verify_trail(first=4, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 6), (4, 6), (6, 6), (6, 6)]


def _small_walk(values, walk=chain._VerificationCursor):
    return walk(page=2, **values)


@pytest.mark.sqlite
def test_a_row_that_cannot_be_read_is_named_and_those_before_it_are_read(nine_rows):
    remove_triggers(connection)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET message = CAST(x'ff' AS TEXT) WHERE sequence = 6")
    report = verify_trail()
    assert (report.rows, report.problems[0].sequence) == (5, 6)


def test_an_unavailable_database_is_not_reported_as_a_broken_row(nine_rows):
    def away(execute, sql, params, many, context):
        if "audit_event" in sql:
            raise OperationalError("the server closed the connection")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(away), pytest.raises(OperationalError):
        verify_trail()


def test_days_and_numbers_say_which_rows(one_day, nine_rows):
    today = datetime.now(UTC).date()
    assert parse_extent("", "", UTC) == Extent()
    assert parse_extent("3", "7", UTC) == Extent(first=3, last=7)
    assert parse_extent(str(today), str(today), UTC) == Extent(first=1, last=ROWS)
    assert parse_extent(str(today - timedelta(days=9)), "4", UTC) == Extent(first=1, last=4)
    for wrong, words in [
        ("yesterdayish", "is not a row number or a day"),
        (str(today + timedelta(days=3)), "Nothing was recorded since"),
        ("8", "no rows in this range"),
        ("0", "is not a row number"),
        ("٣", "is not a row number"),
    ]:
        with pytest.raises(NoSuchRows, match=words):
            parse_extent(wrong, "7", UTC)


def test_the_page_verifies_a_part(nine_rows, manager, client_of):
    browser = client_of(manager)
    assert "from row 3 to 7" in verified(browser, scope="part", first="3", last="7")
    page = browser.post("/audit/verify/", {"scope": "part", "first": "soon"})
    assert page.status_code == 422 and "is not a row number or a day" in page.content.decode()


def test_a_broken_trail_stands_out_and_is_recorded_with_who_asked(nine_rows, manager, client_of):
    edited(5)
    text = verified(client_of(manager), scope="all")
    assert "notice-red" in text and "starting at row 5" in text
    assert "Row 5: it was edited" in text
    event = Event.objects.first()
    assert event.action == "audit.found_broken" and event.outcome == "failed"
    assert event.actor_name == "Max Manager" and "row 5" in event.message


def test_a_broken_trail_stands_out_until_the_whole_of_it_is_whole(nine_rows, manager, client_of):
    browser, genuine = client_of(manager), Event.objects.get(pk=5).message
    edited(5)
    verified(browser, scope="all")
    text = verified(browser, scope="part", first="7", last="8")
    assert "starting at row 5" in text and "from row 7 to 8" in text
    edited(5, message=genuine)
    text = verified(browser, scope="all")
    assert "notice-green" in text and "notice-red" not in text


def test_a_broken_trail_that_takes_no_more_rows_is_reported(nine_rows, manager, client_of, caplog):
    browser = client_of(manager)
    browser.post("/audit/verify/", {"scope": "all"})
    remove_triggers(connection)
    ChainHead.objects.update(sequence=4)  # the next number is taken
    worked_off()
    assert TaskRun.objects.get().result["whole"] is False
    assert "could not be recorded" in caplog.text


def test_the_page_shows_work_under_way_and_asks_once(nine_rows, manager, client_of):
    browser = client_of(manager)
    for _ in range(2):
        browser.post("/audit/verify/", {"scope": "all"})
    text = browser.get("/audit/verify/").content.decode()
    assert TaskRun.objects.count() == 1 and "data-poll" in text and "No worker is running" in text
    worked_off()
    text = browser.get("/audit/verify/").content.decode()
    assert "data-poll" not in text and "The audit trail is whole" in text


def test_an_interrupted_verification_is_reported(nine_rows, manager, client_of):
    browser = client_of(manager)
    browser.post("/audit/verify/", {"scope": "all"})
    TaskRun.objects.update(state=State.FAILED, message="It was interrupted 3 times.")
    assert "did not finish" in browser.get("/audit/verify/").content.decode()


def test_missing_triggers_are_reported_by_page_report_and_command(nine_rows, manager, client_of, capsys):
    remove_triggers(connection)
    text = verified(client_of(manager), scope="all")
    assert "no longer protects the audit trail" in text and "audit_head_forward" in text
    assert "audit_head_forward" in Event.objects.first().message
    with pytest.raises(SystemExit) as caught:
        call_command("verify_audit")
    printed = capsys.readouterr()
    assert caught.value.code == 2 and "whole" in printed.out and "audit_head_forward" in printed.err


def test_the_command_takes_a_range_and_refuses_nonsense(nine_rows, capsys):
    edited(2)
    call_command("verify_audit", "--from", "3", "--to", "7")
    assert "5 rows verified, from row 3 to 7" in capsys.readouterr().out
    for wrong in (["--from", "soon"], ["--since-anchor", "--to", "7"]):
        with pytest.raises(CommandError):
            call_command("verify_audit", *wrong)


def test_the_command_counts_up_at_a_terminal_and_nowhere_else(nine_rows, capsys, monkeypatch):
    call_command("verify_audit")
    assert "of 9 rows" not in capsys.readouterr().err
    monkeypatch.setattr("django.core.management.base.OutputWrapper.isatty", lambda self: True)
    call_command("verify_audit", "--to", "9")
    assert "9 of 9 rows" in capsys.readouterr().err


def test_a_part_beyond_the_end_is_refused_and_no_alarm(nine_rows, manager, client_of):
    answer = client_of(manager).post("/audit/verify/", {"scope": "part", "first": "99999"})
    assert answer.status_code == 422 and "The trail ends at row " in answer.content.decode()
    with pytest.raises(CommandError, match="The trail ends at row "):
        call_command("verify_audit", "--from", "99999")
    assert not TaskRun.objects.exists() and not Event.objects.filter(action="audit.found_broken").exists()


@pytest.mark.parametrize("first", ["1" * 41, "1\0"])
def test_a_part_that_is_none_starts_nothing(nine_rows, manager, client_of, first):
    answer = client_of(manager).post("/audit/verify/", {"scope": "part", "first": first})
    assert answer.status_code == 422 and "field-error" in answer.content.decode()
    assert not TaskRun.objects.exists()
