"""Anchors by mail and syslog: kept out of everybody's reach, and compared with the trail later."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from receivers import tcp_receiver

from portal.audit.anchors import write_anchor
from portal.audit.forwarding.delivery import deliver_all, get_forwarders
from portal.audit.models import Delivery, Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers


@pytest.fixture
def by_mail(settings):
    """Anchors go to an auditor."""
    settings.MAIL_ON = True
    settings.AUDIT_ANCHOR_FORWARD_TO = ["mailto:auditor@example.com"]


def recorded(count=1):
    """Record a number of sign-ins."""
    for _ in range(count):
        record_event(action="session.signed_in", origin=get_system_origin("x"))


def line_of(mail):
    """The anchor in a mail."""
    return next(line for line in mail.body.splitlines() if line.startswith("{"))


def test_an_anchor_is_mailed_with_how_to_compare_it(db, by_mail, mailoutbox):
    recorded(2)
    call_command("audit_anchor")
    [mail] = mailoutbox
    assert (
        mail.to == ["auditor@example.com"]
        and "row 3" in mail.subject
        and "verify_audit --anchor" in mail.body
    )
    assert json.loads(line_of(mail))["hash"] == Event.objects.first().hash


def test_a_mailed_anchor_detects_a_replaced_trail_and_anchor_file(
    db, by_mail, mailoutbox, anchor_file, capsys
):
    recorded(2)
    call_command("audit_anchor")
    line = line_of(mailoutbox[0])
    call_command("verify_audit", "--anchor", line)
    assert "whole" in capsys.readouterr().out
    anchor_file.unlink()
    remove_triggers(connection)
    Event.objects.filter(pk__gte=3).delete()
    install_triggers(connection)
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--anchor", f"<110>1 2026 host portal - audit.anchor - {line}")
    assert "reached row 3" in capsys.readouterr().out


def test_a_line_that_the_portal_did_not_write_proves_nothing(db, capsys):
    recorded()
    for line in ("", "no anchor", '{"sequence": 1}'):
        with pytest.raises(SystemExit):
            call_command("verify_audit", "--anchor", line)
        assert "not written by this portal" in capsys.readouterr().out


def test_mails_are_sent_at_most_hourly_unless_requested(db, by_mail, mailoutbox, manager, client_of):
    recorded()
    write_anchor()
    assert deliver_all(holder="one") == 1
    recorded()
    write_anchor()
    assert deliver_all(holder="one") == 0 and len(mailoutbox) == 1
    client_of(manager).post("/audit/anchor/")
    assert deliver_all(holder="one") == 2 and len(mailoutbox) == 2


def test_syslog_gets_anchors_apart_from_events(db, settings):
    recorded()
    write_anchor()
    with tcp_receiver() as server:
        settings.AUDIT_ANCHOR_FORWARD_TO = [f"syslog+tcp://127.0.0.1:{server.server_address[1]}"]
        settings.AUDIT_FORWARD_TO = settings.AUDIT_ANCHOR_FORWARD_TO
        assert deliver_all(holder="one") == 2
    assert sorted(b"audit.anchor" in data for data in server.received) == [False, True]
    assert Delivery.objects.count() == 2


def test_the_command_fails_where_an_anchor_is_not_taken(db, settings):
    settings.AUDIT_ANCHOR_FORWARD_TO = ["syslog+tcp://127.0.0.1:9"]
    with pytest.raises(CommandError, match=r"(?s)not accepted by.anchors to syslog.*refused"):
        call_command("audit_anchor")


def test_mail_without_a_mail_server_stops_the_start(settings):
    settings.MAIL_ON = False
    settings.AUDIT_ANCHOR_FORWARD_TO = ["mailto:auditor@example.com"]
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        get_forwarders()
