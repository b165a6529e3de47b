"""Anchors outside the database: they find what no chain can prove, and no change waits for one."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from portal.audit import anchors
from portal.audit.anchors import (
    AnchorUnavailable,
    find_anchor_problem,
    read_anchors,
    write_anchor,
    write_due_anchor,
)
from portal.audit.canonical import HASHED_FIELDS, row_text
from portal.audit.chain_head import compute_head_seal
from portal.audit.keys import compute_digest
from portal.audit.models import ChainHead, Event, Term
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.verification.chain import verify_trail
from portal.audit.verification.report import describe_verdict
from tests.background.workers import worked_off

SYSTEM = get_system_origin("tests")


def events(count):
    """Record a number of sign-ins."""
    return [record_event(action="session.signed_in", origin=SYSTEM) for _ in range(count)]


def head_rewind(event):
    """The head as it was after `event`, with the key: what an old copy of the database holds."""
    ChainHead.objects.filter(pk=1).update(
        sequence=event.sequence, count=event.sequence, hash=event.hash,
        seal=compute_head_seal(event.key_id, event.sequence, event.sequence, event.hash),
    )  # fmt: skip


def attacked(work):
    """Does `work` with the guards off."""
    remove_triggers(database)
    work()
    install_triggers(database)


def test_a_restored_old_copy_is_found(db):
    old = events(5)[2]
    write_anchor()
    attacked(lambda: (Event.objects.filter(sequence__gt=3).delete(), head_rewind(old)))
    report = verify_trail()
    assert [(problem.sequence, problem.kind) for problem in report.problems] == [(4, "cut off")]
    assert "reached row 5" in str(report.problems[0])


def test_an_empty_database_in_its_place_is_found(db, anchor_file):
    events(2)
    write_anchor()
    attacked(
        lambda: (
            Event.objects.all().delete(),
            ChainHead.objects.update(sequence=0, count=0, hash="0" * 64, seal=""),
        )
    )
    assert not verify_trail().whole


def test_a_trail_rewritten_with_the_key_is_found(db):
    last = events(3)[-1]
    write_anchor()
    last.reason = "another story"
    last.hash = compute_digest(last.key_id, row_text([getattr(last, name) for name in HASHED_FIELDS]))
    attacked(
        lambda: (Event.objects.filter(pk=3).update(reason=last.reason, hash=last.hash), head_rewind(last))
    )
    assert [problem.kind for problem in verify_trail().problems] == ["rewritten"]


def test_an_edited_anchor_is_found(db, anchor_file):
    events(2)
    write_anchor()
    line = json.loads(anchor_file.read_text())
    anchor_file.write_text(json.dumps(line | {"sequence": 1}) + "\nnot json\n[]\n")
    report = verify_trail()
    assert [problem.kind for problem in report.problems] == ["anchor"] * 3
    assert "line 1 of the anchor file was edited" in str(report.problems[0])


def test_an_unreadable_anchor_file_does_not_count_as_proof(db, anchor_file):
    events(1)
    anchor_file.mkdir()
    assert "cannot be read" in str(verify_trail().problems[0])
    with pytest.raises(AnchorUnavailable):
        write_anchor()


def test_verifying_since_the_last_anchor_reads_only_what_came_after(db):
    assert write_anchor() is None
    events(3)
    write_anchor()
    events(2)
    report = verify_trail(since_anchor=True)
    assert report.whole and report.rows == 2
    attacked(lambda: Event.objects.filter(pk=5).update(reason="never"))
    assert verify_trail(since_anchor=True).problems[0].sequence == 5
    attacked(lambda: Event.objects.filter(pk=3).update(hash="f" * 64))
    assert verify_trail(since_anchor=True).problems[0].sequence == 3


def test_anchors_are_written_every_so_many_events(committed_db, settings):
    settings.AUDIT_ANCHOR_EVENTS = 2
    events(5)
    assert [anchor.sequence for anchor in read_anchors()] == [1, 2, 4] and verify_trail().whole


def test_the_first_event_is_anchored_at_once_so_that_wiping_everything_is_found(committed_db, settings):
    settings.AUDIT_ANCHOR_EVENTS = 1000
    events(3)
    attacked(
        lambda: (
            Event.objects.all().delete(),
            Term.objects.all().delete(),
            ChainHead.objects.update(sequence=0, count=0, hash="0" * 64, seal=""),
        )
    )
    assert [problem.kind for problem in verify_trail().problems] == ["cut off"]
    events(3)
    assert [problem.kind for problem in verify_trail().problems] == ["rewritten"]


@pytest.fixture
def quarter(settings, monkeypatch, anchor_file):
    """quarter(minutes) starts another process and makes its last anchor that old."""
    settings.AUDIT_ANCHOR_MINUTES = 15

    def aged(minutes):
        monkeypatch.setattr(anchors, "_look_at", {})
        moment = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="microseconds")
        line = json.loads(anchor_file.read_text().splitlines()[-1]) | {"time": moment}
        line["seal"] = anchors._seal(line["key_id"], moment, line["sequence"], line["hash"])
        anchor_file.write_text(json.dumps(line) + "\n")

    monkeypatch.setattr(anchors, "_look_at", {})
    return aged


def anchored():
    """The rows that are anchored."""
    return [anchor.sequence for anchor in read_anchors()]


def test_the_age_of_the_last_anchor_in_the_file_decides(committed_db, quarter, anchor_file):
    events(3)
    assert anchored() == [1]  # without an anchor, as after an upgrade, one is due at once
    quarter(14)
    events(2)
    assert anchored() == [1]
    quarter(15)
    events(2)
    assert anchored() == [1, 6]
    quarter(-30)  # written by a clock that was half an hour ahead
    events(2)
    assert anchored() == [6, 8]
    anchor_file.unlink()
    quarter_over = dict.fromkeys(anchors._look_at, 0.0)
    anchors._look_at.update(quarter_over)
    events(2)
    assert anchored() == [10]


def test_a_worker_anchors_what_came_after_the_last_anchor(committed_db, quarter):
    assert write_due_anchor() is None
    events(3)
    write_due_anchor()
    assert anchored() == [1]
    quarter(16)
    write_due_anchor()
    assert anchored() == [1, 3]
    quarter(16)
    write_due_anchor()  # nothing came after it
    assert anchored() == [3]


def test_an_altered_end_is_not_anchored(db, quarter, anchor_file):
    events(2)
    attacked(lambda: ChainHead.objects.update(hash="b" * 64))
    with pytest.raises(AnchorUnavailable, match="tampered with"):
        write_due_anchor()
    assert not anchor_file.exists()


def test_a_trail_that_is_shorter_than_its_anchor_is_warned_of_at_once(db, client, anchor_file):
    """A tail that was cut off within the time between two anchors is another matter: docs/audit.md."""
    old = events(5)[2]
    write_anchor()
    assert not find_anchor_problem()
    attacked(lambda: (Event.objects.filter(sequence__gt=3).delete(), head_rewind(old)))
    assert "ends at row 3, but there is an anchor at row 5" in find_anchor_problem()


def test_a_change_never_fails_for_want_of_an_anchor(committed_db, settings, anchor_file, caplog):
    settings.AUDIT_ANCHOR_EVENTS = 1
    anchor_file.mkdir()
    assert events(1)[0].sequence == 1 and "no audit anchor" in caplog.text


def test_the_command_anchors_and_says_where(db, anchor_file, capsys):
    call_command("audit_anchor")
    assert f"Row 1 is anchored in {anchor_file}" in capsys.readouterr().out
    assert anchor_file.stat().st_mode & 0o077 == 0
    anchor_file.unlink()
    anchor_file.mkdir()
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("audit_anchor")


def verified(browser, **asked):
    """The page after the verification that was asked for is done."""
    assert browser.post("/audit/verify/", asked).status_code == 302
    worked_off()
    return browser.get("/audit/verify/").content.decode()


def test_the_button_verifies_and_records_it(db, manager, client_of):
    browser = client_of(manager)
    events(2)
    assert b"cannot" not in browser.post("/audit/anchor/", follow=True).content
    assert "The audit trail is whole: 3 rows verified" in verified(browser, scope="all")
    assert "after the anchor at row 3" in verified(browser, scope="anchor")
    assert Event.objects.filter(action="audit.verified").count() == 2


def test_the_button_names_the_first_broken_row(db, manager, client_of, anchor_file):
    events(3)
    attacked(lambda: Event.objects.filter(pk=2).update(reason="never"))
    anchor_file.mkdir()
    browser = client_of(manager)
    text = verified(browser)
    assert "starting at row 2" in text and "its content does not match its seal" in text
    assert "The file cannot be read." in text
    assert b"cannot be written" in browser.post("/audit/anchor/", follow=True).content


def test_the_verdict_names_the_anchors_that_it_was_compared_with(db):
    events(3)
    assert describe_verdict(verify_trail()).endswith("3 rows verified, compared with no anchor")
    write_anchor()
    events(2)
    write_anchor()
    assert describe_verdict(verify_trail()).endswith("compared with 2 anchors, the last at row 5")


@pytest.mark.usefixtures("committed_db")
def test_a_removed_anchor_file_is_reported_everywhere(settings, anchor_file, manager, client_of, capsys):
    settings.AUDIT_ANCHOR_EVENTS, client = 2, client_of(None)
    events(6)
    assert "audit anchors" not in client.get("/healthz/ready").json()["warnings"]
    first = anchor_file.read_text().splitlines(keepends=True)[0]
    for left, words in (
        (first, "The last anchor is at row 1 of"),
        ("", "There is no anchor to compare with"),
    ):
        anchor_file.write_text(left)
        assert words in client.get("/healthz/ready").json()["warnings"]["audit anchors"]
        assert words in client_of(manager).get("/audit/verify/").content.decode()
        settings.AUDIT_ANCHOR_EVENTS = 2 if left else 1000
        anchor_file.write_text(left)
        with pytest.raises(SystemExit) as caught:
            call_command("verify_audit")
        assert caught.value.code == 2 and words in capsys.readouterr().err
        assert words in Event.objects.first().message


def test_a_requested_anchor_that_is_missing_is_reported(db, manager, client_of, anchor_file):
    client_of(manager).post("/audit/anchor/")
    assert verify_trail().unanchored == ""
    anchor_file.unlink()
    assert "no anchor to compare with" in verify_trail().unanchored


@pytest.mark.parametrize("place", ["/proc/nowhere.jsonl", "/dev/null/anchors.jsonl", "/proc"])
def test_health_warns_where_no_anchor_can_be_written(db, client, settings, place):
    settings.AUDIT_ANCHOR_FILE = place
    assert "The anchor file cannot be" in client.get("/healthz/ready").json()["warnings"]["audit anchors"]
