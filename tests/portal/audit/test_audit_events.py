"""The invented events of the measurements: a valid chain, found by searches, never in production."""

import subprocess
import sys
from datetime import UTC

import pytest
from django.db import Error, transaction
from django.http import QueryDict

from bench import audit_events
from portal.audit.filters import parse_filters
from portal.audit.models import ChainHead, Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.search import select_events
from portal.audit.verification.chain import verify_trail
from tests.checks.tree import CHECKOUT
from tests.running.production import production_environment


def test_invented_events_continue_the_chain_and_are_found(db, monkeypatch, capsys):
    monkeypatch.setattr(audit_events, "BATCH", 100)
    record_event(action="staff.created", origin=get_system_origin("tests"))
    audit_events.main(["--events", "250", "--days", "30"])
    record_event(action="staff.created", origin=get_system_origin("tests"))
    assert verify_trail().whole and Event.objects.count() == 252
    assert select_events(parse_filters(QueryDict("words=review"), UTC)).events().exists()
    assert "250 events appended" in capsys.readouterr().out


def test_in_all_appends_only_the_missing_events(db, capsys):
    audit_events.main(["--events", "20"])
    audit_events.main(["--events", "30", "--in-all"])
    audit_events.main(["--events", "30", "--in-all"])
    assert Event.objects.count() == 30 and verify_trail().whole
    assert capsys.readouterr().out.splitlines()[-1] == "0 events appended"


def test_the_triggers_are_installed_again_afterwards(db):
    audit_events.append_events(events=3)
    with pytest.raises(Error), transaction.atomic():
        Event.objects.filter(pk=1).update(reason="never")


def test_a_production_trail_refuses_invented_events(db, settings):
    settings.PRODUCTION = True
    with pytest.raises(audit_events.AppendRefusedError, match="can’t be added to a production trail"):
        audit_events.append_events(events=1)


def test_the_command_line_refuses_a_production_portal(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bench.audit_events", "--events", "1"], cwd=CHECKOUT, check=False,
        env=production_environment(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "can’t be added to a production trail" in done.stderr


@pytest.mark.parametrize("arguments", [{"events": -1}, {"days": 0}, {"days": 99_999_999_999}])
def test_senseless_arguments_append_nothing(db, arguments):
    with pytest.raises(audit_events.AppendRefusedError):
        audit_events.append_events(**{"events": 1} | arguments)
    assert not Event.objects.exists()


@pytest.mark.parametrize("damage", [lambda heads: heads.update(hash="f" * 64), lambda heads: heads.delete()])
def test_a_damaged_end_of_the_trail_is_not_continued(trail, damage):
    damage(ChainHead.objects.all())
    with pytest.raises(SystemExit, match=r"Not appended: .*(tampered with|does not exist)"):
        audit_events.main(["--events", "1"])
    assert Event.objects.count() == 3
