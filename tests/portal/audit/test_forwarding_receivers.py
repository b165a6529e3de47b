"""Receivers that look alike: each has a cursor of its own, and none is named twice."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from receivers import webhook_receiver

from portal.audit.forwarding.delivery import deliver_all, get_backlogs, get_forwarders
from portal.audit.forwarding.receivers import LONGEST_ADDRESS
from portal.audit.models import Delivery
from portal.audit.recording import get_system_origin, record_event

LONG = "https://siem.example/" + (LONGEST_ADDRESS - len("https://siem.example/?a")) * "x" + "?a"


@pytest.fixture
def signed(settings):
    """Settings in which webhooks may be named."""
    settings.AUDIT_FORWARD_SECRET = "a secret to sign with"
    return settings


def test_webhooks_that_differ_only_in_the_query_each_get_all_events(db, signed):
    with webhook_receiver() as server:
        place = f"http://127.0.0.1:{server.server_port}/in"
        signed.AUDIT_FORWARD_TO = [f"{place}?token=CANARY-a", f"{place}?token=CANARY-b", place]
        for _ in range(2):
            record_event(action="session.signed_in", origin=get_system_origin("x"))
        while deliver_all(holder="one", at_once=True):
            pass
    assert [path for path, *_ in server.received] == ["/in?token=CANARY-a", "/in?token=CANARY-b", "/in"]
    names = [backlog.name for backlog in get_backlogs() if backlog.state == "Up to date"]
    assert len(set(names)) == 3 and names[2] == place
    assert all(name.startswith(place) and "CANARY" not in name for name in names)
    assert set(Delivery.objects.values_list("receiver", flat=True)) == set(names)


def test_the_longest_address_has_a_name_that_fits_its_row(db, signed):
    signed.AUDIT_FORWARD_TO = [LONG]
    signed.AUDIT_ANCHOR_FORWARD_TO = [LONG]
    for feed in get_forwarders():
        Delivery.objects.get_or_create(receiver=feed.name)
        assert len(feed.name) <= Delivery._meta.get_field("receiver").max_length


@pytest.mark.parametrize("setting", ["AUDIT_FORWARD_TO", "AUDIT_ANCHOR_FORWARD_TO"])
@pytest.mark.parametrize(
    "addresses",
    [
        ("https://siem.example/in?token=CANARY", "https://siem.example/in?token=CANARY"),
        ("https://siem.example/in", "https://siem.example/in#CANARY"),
        ("syslog+tls://siem.example", "syslog+tls://siem.example:6514"),
        ("file:/var/log/portal.jsonl", "file:/var/log/portal.jsonl"),
    ],
)
def test_a_receiver_named_twice_stops_the_start(signed, setting, addresses):
    setattr(signed, setting, list(addresses))
    with pytest.raises(ImproperlyConfigured, match="twice") as caught:
        get_forwarders()
    assert "CANARY" not in str(caught.value)


def test_https_in_capitals_is_still_encrypted(db, signed):
    """Nothing may reach a receiver that has no certificate."""
    with webhook_receiver() as server:
        signed.AUDIT_FORWARD_TO = [f"HTTPS://127.0.0.1:{server.server_port}/in"]
        record_event(action="session.signed_in", origin=get_system_origin("x"))
        assert deliver_all(holder="one", at_once=True) == 0
    assert server.received == []
