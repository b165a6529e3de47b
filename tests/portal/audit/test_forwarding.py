"""Each event is told to the outside: once or more, in order, whole, and never at a change's expense."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.utils import timezone
from receivers import tcp_receiver, udp_receiver, webhook_receiver

from portal.audit.forwarding import delivery
from portal.audit.forwarding.delivery import deliver_all, get_backlogs, get_forwarders
from portal.audit.forwarding.receivers import parse_receiver, signature_of
from portal.audit.models import Delivery, Event
from portal.audit.recording import ObjectRef, get_system_origin, record_event
from provisioning.gateway.secrets import Sealed
from tests.checks.tree import CHECKOUT
from tests.provisioning.gateway.wire import certificate

SYSTEM = get_system_origin("tests")
SECRET = "a secret to sign with"


@pytest.fixture
def told(settings, tmp_path):
    """A file that the trail is told to."""
    file = tmp_path / "siem.jsonl"
    settings.AUDIT_FORWARD_TO = [f"file:{file}"]
    return file


@pytest.fixture
def hook(settings):
    """A webhook that the trail is told to."""
    settings.AUDIT_FORWARD_SECRET = SECRET
    with webhook_receiver() as server:
        settings.AUDIT_FORWARD_TO = [f"http://127.0.0.1:{server.server_port}/siem?token=CANARY"]
        yield server


def events(count, **values):
    """Record a number of changes."""
    about = ObjectRef("merchant", "g-1", "Shöp\n“1”\u2028")
    return [
        record_event(action="change.accepted", origin=SYSTEM, outcome="accepted", object=about, **values)
        for _ in range(count)
    ]


def everything(holder="one"):
    """Delivers until nothing is left that can be."""
    while deliver_all(holder=holder, at_once=True):
        pass


def sequences(text):
    """The row numbers of JSON lines."""
    return [json.loads(line)["sequence"] for line in text.splitlines()]


def test_a_line_has_the_whole_event_and_no_secret(db, told):
    events(1, reason="risk", after={"name": "Z", "password": Sealed("CANARY")}, duration_ms=7)
    everything()
    text = told.read_text()
    line = json.loads(text)
    assert line["schema"] == "portal-audit-event/1" and line["hash"] == Event.objects.get().hash
    assert line["after"]["name"] == "Z" and line["sentence"].endswith(": risk")
    assert line["object_name"].startswith("Shöp\n") and line["time"].endswith("+00:00")
    assert "CANARY" not in text and text.isascii() and text.count("\n") == 1 == len(text.splitlines())
    assert told.stat().st_mode & 0o077 == 0


def test_the_schema_that_receivers_rely_on_is_the_documented_one(db, told, settings):
    events(1)
    everything()
    documented = re.findall(
        r"^\| `(\w+)` \| (?:text|number|object)", (settings.BASE_DIR / "docs/audit.md").read_text(), re.M
    )
    assert sorted(documented) == sorted(json.loads(told.read_text()))


def test_lines_follow_the_chain_in_batches_and_only_once_when_all_goes_well(db, told, monkeypatch):
    monkeypatch.setattr(delivery, "BATCH", 3)
    events(7)
    assert deliver_all(holder="one") == 3
    everything()
    events(2)
    everything()
    assert sequences(told.read_text()) == list(range(1, 10))


def test_a_batch_is_bounded_in_size_too(db, told, monkeypatch):
    monkeypatch.setattr(delivery, "MAX_TEXT", 3000)
    events(2, reason="x" * 2500)
    assert [deliver_all(holder="one") for _ in range(3)] == [1, 1, 0]


def test_standard_output_gets_lines_and_nothing_else(db, settings, capsys):
    settings.AUDIT_FORWARD_TO = ["stdout"]
    events(2)
    call_command("audit_stream", "--once")
    assert sequences(capsys.readouterr().out) == [1, 2]


def test_a_webhook_gets_signed_batches(db, hook):
    events(2)
    everything()
    [(path, headers, body)] = hook.received
    assert path == "/siem?token=CANARY" and headers["Portal-Batch"] == "1-2" and sequences(body) == [1, 2]
    assert headers["Portal-Signature"] == "v1=" + signature_of(SECRET, headers["Portal-Timestamp"], body)
    assert abs(int(headers["Portal-Timestamp"]) - timezone.now().timestamp()) < 60


@pytest.mark.parametrize("status", [500, 401, 302, 307])
def test_lines_refused_by_a_webhook_are_sent_again_after_growing_pauses(db, hook, status, monkeypatch):
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    hook.statuses = [status, status]
    events(1)
    assert deliver_all(holder="one") == 0
    assert deliver_all(holder="one") == 0 and len(hook.received) == 1, "in the pause nothing is sent"
    assert deliver_all(holder="one", at_once=True) == 0
    [backlog] = get_backlogs()
    assert backlog.retry_at == moment + timedelta(seconds=4) and backlog.late and backlog.behind == 1
    assert f"status {status}" in backlog.last_error and "CANARY" not in backlog.name
    everything()
    assert [body for *_, body in hook.received] == 3 * [hook.received[0][2]]
    assert get_backlogs()[0].state == "Up to date" and Delivery.objects.get().failures == 0


def test_the_pause_has_a_limit(db, hook):
    Delivery.objects.create(receiver=get_forwarders()[0].name, failures=99)
    hook.statuses = [500]
    events(1)
    deliver_all(holder="one")
    assert Delivery.objects.get().retry_at - timezone.now() < timedelta(seconds=301)


def test_a_receiver_that_is_away_costs_no_event_and_no_time_of_a_change(db, settings):
    settings.AUDIT_FORWARD_SECRET = SECRET
    settings.AUDIT_FORWARD_TO = ["http://127.0.0.1:9/"]
    assert len(events(3)) == 3
    everything()
    [backlog] = get_backlogs()
    assert backlog.behind == 3 and "refused the connection" in backlog.last_error


def test_one_receiver_that_is_away_does_not_hold_up_another(db, told, settings):
    settings.AUDIT_FORWARD_SECRET = SECRET
    settings.AUDIT_FORWARD_TO = ["http://127.0.0.1:9/", *settings.AUDIT_FORWARD_TO]
    events(2)
    everything()
    assert sequences(told.read_text()) == [1, 2]


def test_syslog_over_tcp_is_framed_by_counted_octets(db, settings):
    with tcp_receiver() as server:
        settings.AUDIT_FORWARD_TO = [f"syslog+tcp://127.0.0.1:{server.server_address[1]}"]
        events(2)
        record_event(action="access.denied", origin=SYSTEM, outcome="denied", message="/staff/")
        everything()
    messages = counted(server.received[0])
    assert [json.loads(message.split(" - ", 2)[2])["sequence"] for message in messages] == [1, 2, 3]
    assert re.match(
        r"<110>1 \S+T\S+\.\d{6}\+00:00 \S+ provisioning-portal - change\.accepted - {", messages[0]
    )
    assert messages[2].startswith("<108>1 ")


def test_syslog_over_tls_verifies_the_receiver(db, settings, tmp_path):
    tls, trusted = certificate(tmp_path)
    with tcp_receiver(tls) as server:
        settings.AUDIT_FORWARD_TO = [f"syslog+tls://127.0.0.1:{server.server_address[1]}"]
        events(1)
        everything()
        assert "SSL" in get_backlogs()[0].last_error or "certificate" in get_backlogs()[0].last_error
        settings.AUDIT_FORWARD_CA_FILE = trusted
        everything()
    assert len(counted(b"".join(server.received))) == 1 and get_backlogs()[0].behind == 0


def test_a_webhook_is_verified_too(db, settings, tmp_path):
    tls, trusted = certificate(tmp_path)
    settings.AUDIT_FORWARD_SECRET = SECRET
    with webhook_receiver(tls) as server:
        settings.AUDIT_FORWARD_TO = [f"https://127.0.0.1:{server.server_port}/"]
        events(1)
        everything()
        assert "The receiver's certificate was not accepted" in get_backlogs()[0].last_error
        settings.AUDIT_FORWARD_CA_FILE = trusted
        everything()
    assert len(server.received) == 1


def test_syslog_over_udp_sends_one_datagram_for_each_event_and_says_what_is_left_out(db, settings):
    with udp_receiver() as port:
        settings.AUDIT_FORWARD_TO = [f"syslog+udp://127.0.0.1:{port.getsockname()[1]}"]
        events(1)
        events(1, request={"text": "x" * 20_000}, reason="why")
        everything()
        small, large = (port.recv(65536).decode().split(" - ", 2)[2] for _ in range(2))
    assert "left_out" not in json.loads(small)
    assert json.loads(large)["left_out"] == ["request"] and json.loads(large)["reason"] == "why"


def test_two_workers_send_each_event_once(committed_db, told, monkeypatch):
    monkeypatch.setattr(delivery, "BATCH", 5)
    events(60)
    workers = [threading.Thread(target=_work, args=(str(number),)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sequences(told.read_text()) == list(range(1, 61))


def test_a_worker_that_died_is_replaced_when_its_lease_ends(db, told):
    events(1)
    name = get_forwarders()[0].name
    end = timezone.now() + delivery.LEASE_TIME
    dead = Delivery.objects.create(receiver=name, holder="dead", held_until=end)
    assert deliver_all(holder="one", at_once=True) == 0
    dead.held_until = timezone.now() - timedelta(seconds=1)
    dead.save()
    assert deliver_all(holder="one") == 1


def test_the_command_says_by_its_exit_code_that_something_is_left(db, settings, capsys):
    call_command("audit_stream")
    assert "nothing to do" in capsys.readouterr().err

    settings.AUDIT_FORWARD_TO = ["syslog+tcp://127.0.0.1:9"]
    events(1)
    with pytest.raises(SystemExit):
        call_command("audit_stream", "--once")


def test_without_receivers_the_worker_waits_if_asked_to(db):
    """As compose starts it: what ended would not come back after a restart of the host."""
    command = [sys.executable, "manage.py", "audit_stream", "--wait"]
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.Popen(command, cwd=CHECKOUT, env={**os.environ, **settings}, stderr=subprocess.PIPE)
    assert b"nothing to do" in process.stderr.readline()
    time.sleep(0.5)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    "address",
    [
        "nonsense", "file:relative", "ftp://host/", "syslog+tcp://", "http://siem.example/",
        "https://user:CANARY@siem.example/", "https://siem.example:0/", "https://[broken/",
        "mailto:somebody@example.com", "https://siem.example/" + "x" * 200,
    ],
)  # fmt: skip
def test_an_invalid_receiver_address_prevents_the_start(settings, address):
    settings.AUDIT_FORWARD_SECRET = SECRET
    settings.AUDIT_FORWARD_TO = [address]
    with pytest.raises(ImproperlyConfigured) as caught:
        get_forwarders()
    assert "CANARY" not in str(caught.value)


def test_a_webhook_without_a_secret_stops_the_start(settings):
    settings.AUDIT_FORWARD_SECRET = "short"
    with pytest.raises(ImproperlyConfigured, match="AUDIT_FORWARD_SECRET"):
        parse_receiver("https://siem.example/")


def test_the_page_shows_the_backlog(db, hook, manager, client_of):
    hook.statuses = [503]
    events(3)
    deliver_all(holder="one")
    text = client_of(manager).get("/audit/stream/").content.decode().replace("&nbsp;", " ")
    assert "/siem" in text and "CANARY" not in text and "3 rows" in text and "status 503" in text


def test_ready_warns_of_a_backlog_and_stays_ready(db, hook, client):
    hook.statuses = [503]
    events(3)
    deliver_all(holder="one")
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200 and "3 rows behind" in answer.json()["warnings"]["audit stream"]
    everything()
    assert "audit stream" not in client.get("/healthz/ready").json()["warnings"]


def _work(holder):
    from django.db import connections

    try:
        end = time.monotonic() + 60
        while not Delivery.objects.filter(sequence=60).exists() and time.monotonic() < end:
            deliver_all(holder=holder)
    finally:
        connections.close_all()


def counted(data):
    """The messages of RFC 6587's octet counting."""
    messages = []
    while data:
        length, _, data = data.partition(b" ")
        messages.append(data[: int(length)].decode())
        data = data[int(length) :]
    return messages
