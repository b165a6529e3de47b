"""The invented trail: whole, findable, with the guards back on, and never in production."""

from datetime import UTC

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, transaction
from django.http import QueryDict

from portal.audit import seeding
from portal.audit.filters import parse_filters
from portal.audit.models import Event
from portal.audit.queries import selection_of
from portal.audit.recording import event_record, origin_system
from portal.audit.verification.chain import audit_verify


def test_an_invented_trail_is_whole_and_findable(db, monkeypatch, capsys):
    monkeypatch.setattr(seeding, "BATCH", 100)
    event_record(action="staff.created", origin=origin_system("tests"))
    call_command("audit_seed", events=250, days=30)
    event_record(action="staff.created", origin=origin_system("tests"))
    assert audit_verify().whole and Event.objects.count() == 252
    assert selection_of(parse_filters(QueryDict("words=review"), UTC)).events().exists()
    assert "250 events appended" in capsys.readouterr().out


def test_a_trail_is_only_continued_to_the_length_asked_for(db, capsys):
    call_command("audit_seed", events=20)
    call_command("audit_seed", events=30, in_all=True)
    call_command("audit_seed", events=30, in_all=True)
    assert Event.objects.count() == 30 and audit_verify().whole
    assert capsys.readouterr().out.splitlines()[-1] == "0 events appended"


def test_the_guards_are_back_on_afterwards(db):
    call_command("audit_seed", events=3, verbosity=0)
    with pytest.raises(Error), transaction.atomic():
        Event.objects.filter(pk=1).update(reason="never")


def test_production_refuses_invented_events(db, settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="can’t be added to a production trail"):
        call_command("audit_seed", events=1)
