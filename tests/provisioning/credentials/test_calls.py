"""Each call leaves one line in the log; a gateway that asks to wait is left alone until then."""

import json
import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.core.logs import JsonFormatter
from provisioning import service
from provisioning.credentials.models import Connection
from provisioning.credentials.services import get_active_credential
from provisioning.gateway.error_codes import get_read_cause
from provisioning.gateway.errors import NotSent, OutcomeUnknown, ProvisioningError, Refused
from tests.provisioning.gateway.wire import response, wire

LOGGER = "provisioning.credentials.sending"


@pytest.fixture
def answers(connection):
    """A gateway that answers as told: `answers(body, status, headers)`; returns the requests it got."""
    current = {}

    def arm(body, status="200 OK", headers=""):
        current["response"] = response(json.dumps(body) if isinstance(body, dict) else body,
                                       status=status, headers=headers)  # fmt: skip
        return server.requests

    with wire(lambda peer: peer.sendall(current["response"])) as server:
        connection.base_url = server.url
        connection.save()
        yield arm


def lines(caplog):
    """The lines about calls, as they stand in the log."""
    made = [JsonFormatter().format(record) for record in caplog.records if record.name == LOGGER]
    return [json.loads(line) for line in made if '"gateway call"' in line]


def write():
    return service.perform(
        "merchant.update", connection="sandbox", target="ME-1", payload={"city": "Graz", "name": "Rosa"}
    )


def read():
    try:
        return service.list_entities(connection="sandbox", kind="merchant", parent="TE-1")
    except ProvisioningError as error:
        return error


NO = {"success": False, "errorCode": 1002, "errorMessage": "city: no canary-text"}


@pytest.mark.parametrize(
    "case",
    [
        ({"success": True, "merchants": [], "merchant": {"guid": "ME-1"}}, "200 OK", "accepted", None),
        (NO, "422 Unprocessable", "refused", "1002"),
        ({**NO, "errorCode": "a canary-text with blanks"}, "422 Unprocessable", "refused", "other"),
        ("<h1>canary-text</h1>", "500 Internal Server Error", "unknown", ""),
    ],
)
@pytest.mark.parametrize("call", [read, write])
def test_a_call_leaves_one_line_without_texts(answers, gateway, caplog, call, case):
    body, status, outcome, code = case
    answers(body, status, f"X-Request-Id: gw-7-{gateway.password}\r\n")
    with caplog.at_level(logging.INFO, logger=LOGGER):
        call()
    (line,) = lines(caplog)
    operation = "merchant.list" if call is read else "merchant.update"
    assert line["connection"] == "sandbox" and line["operation"] == operation and line["outcome"] == outcome
    assert line["http_status"] == int(status[:3]) and line.get("code") == code
    assert isinstance(line["duration_ms"], int)
    assert line["level"] == ("WARNING" if outcome == "unknown" else "INFO")
    assert "canary-text" not in json.dumps(line) and gateway.password not in json.dumps(line)
    if outcome != "unknown":
        assert line["gateway_request_id"].startswith("gw-7-")


def test_what_is_not_sent_leaves_its_line_too(connection, caplog):
    Connection.objects.update(is_paused=True)
    with caplog.at_level(logging.INFO, logger=LOGGER):
        assert isinstance(write(), NotSent)
        service.probe_credential(credential=get_active_credential(slug="sandbox"))
    stopped, *tried = lines(caplog)
    assert stopped["outcome"] == "not_sent" and stopped["level"] == "WARNING"
    assert [line["operation"] for line in tried] == ["tenant.list", "merchant.list"]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize("first", [read, write])
def test_a_gateway_that_asked_to_wait_is_not_called(answers, first, status):
    requests = answers("<h1>later</h1>", status, "Retry-After: 86400\r\n")
    assert isinstance(first(), OutcomeUnknown)
    for _ in range(5):
        for error in (read(), write()):
            assert isinstance(error, NotSent) and error.detail == "limited" and error.retry_at
            assert "asked to wait" in str(error) and "rate limit" not in str(error)
            assert "Try again after" in str(error) and "Nothing was sent." in str(error)
            assert "Nothing was sent" not in get_read_cause(error), "a read is often about a sent change"
        with pytest.raises(NotSent):
            service.probe_credential(credential=get_active_credential(slug="sandbox"))
    assert len(requests) == 1
    until = Connection.objects.get().retry_at
    assert timedelta(minutes=59) < until - timezone.now() <= timedelta(hours=1)


def test_it_is_called_again_when_the_time_is_over(answers):
    requests = answers("", "429 Too Many Requests", "Retry-After: 60\r\n")
    read()
    Connection.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    answers({"success": True, "merchants": []})
    assert read() == [] and len(requests) == 2


def test_a_limit_in_the_gateways_own_words_is_a_refusal(answers):
    answers({"success": False, "errorMessage": "too fast"}, "429 Too Many Requests", "Retry-After: 60\r\n")
    refused = write()
    assert (
        type(refused) is Refused and "rate limit" in str(refused) and "Nothing was changed." in str(refused)
    )
    assert Connection.objects.get().retry_at == refused.retry_at


def test_another_connection_is_not_kept_waiting(answers, connection):
    answers("", "503 Service Unavailable", "Retry-After: 60\r\n")
    read()
    Connection.objects.create(slug="other", name="Other", base_url=connection.base_url)
    assert Connection.objects.get(slug="other").retry_at is None
