"""An accepted answer is as untrusted as a refusal: it carries no secret of the call into the records."""

import base64
import json
from urllib.parse import quote

import pytest

from provisioning.gateway.requests import Call
from provisioning.gateway.secrets import MASK, Sealed, mask
from tests.provisioning.gateway.callers import (
    CANARIES,
    KEY,
    PASSWORD,
    PAYLOAD_SECRET,
    READ,
    accepted,
    failure,
)
from tests.provisioning.gateway.wire import says, wire

BASIC = base64.b64encode(f"{KEY}:{PASSWORD}".encode()).decode()
WRITE = Call(
    "POST",
    "/createConnector/{merchantGuid}",
    target="ME-1",
    payload={"name": "Rosa", "adapter": "Simulator", "config": {"password": Sealed(PAYLOAD_SECRET)}},
    secrets=frozenset({("connector", "sharedSecret"), ("connector", "config", "password")}),
    result="connector",
    schema="ConnectorResponse",
)
SPELLINGS = {
    "raw": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "inside base64": lambda text: base64.b64encode(f'{{"a":"{text}","b":1}}'.encode()).decode(),
    "inside base64, shifted": lambda text: base64.urlsafe_b64encode(f"ab{text}c".encode()).decode(),
    "URL": lambda text: quote(text, safe=""),
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": lambda text: json.dumps({"quoted": text}),
    "hex": lambda text: text.encode().hex(),
}


def shown(answer):
    return json.dumps(mask(answer.body), ensure_ascii=False) + answer.request_id


@pytest.mark.parametrize("secret", [PASSWORD, BASIC, PAYLOAD_SECRET], ids=["password", "basic", "payload"])
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_no_declared_text_of_an_accepted_write_quotes_a_secret(secret, spelling):
    quoted = f"set up with {spelling(secret)}."
    body = {"success": True, "connector": {"guid": "CO-1", "name": "Rosa", "description": quoted}}
    with wire(says(json.dumps(body))) as server:
        answer = accepted(server.url, WRITE)
    assert spelling(secret) not in shown(answer) and secret not in shown(answer)
    description = answer.body["connector"]["description"]
    assert MASK in description and description.startswith("set up with ")
    assert answer.body["connector"]["name"] == "Rosa"


@pytest.mark.parametrize(
    "extra",
    [
        {"request": {"config": {"token": "another-canary"}}},
        {"debug": ["another-canary"]},
        {"connector": {"guid": "CO-1", "trace": "another-canary"}},
        {"connector": {"guid": "CO-1", "settings": {"acme:password": "another-canary"}}},
        {"connector": {"guid": "CO-1", "config": {"merchantPin": "another-canary"}}},
        {"connector": {"guid": "CO-1", "name": {"x": "another-canary"}}},
        {"connector": {"guid": "CO-1", "terminals": [{"terminalId": "T", "pin": "another-canary"}]}},
        {"connector": "another-canary"},
        {"connector": [{"guid": "CO-1", "note": "another-canary"}]},
        {"errorMessage": "another-canary"},
    ],
)
def test_what_the_contract_does_not_name_is_masked_in_an_accepted_write(extra):
    with wire(says(json.dumps({"success": True, "connector": {"guid": "CO-1"}} | extra))) as server:
        answer = accepted(server.url, WRITE)
    assert "another-canary" not in shown(answer)


def test_a_secret_that_the_gateway_generated_is_not_quoted_elsewhere_in_its_answer():
    connector = {
        "guid": "CO-1",
        "sharedSecret": "made-by-the-gateway",
        "description": "key made-by-the-gateway",
    }
    with wire(says(json.dumps({"success": True, "connector": connector}))) as server:
        answer = accepted(server.url, WRITE)
    assert "made-by-the-gateway" not in shown(answer)
    assert answer.body["connector"]["sharedSecret"].reveal() == "made-by-the-gateway"


def test_plain_values_and_short_secrets_leave_the_answer_unchanged():
    call = Call(
        "POST", "/createConnector/{merchantGuid}", target="ME-1", result="connector",
        schema="ConnectorResponse", payload={
            "name": "Rosa", "method": "Creditcard",
            "config": {"password": Sealed("2024"), "extraData": Sealed({"kind": "Creditcard"})},
        },
    )  # fmt: skip
    connector = {
        "guid": "CO-2024",
        "name": "Rosa",
        "method": "Creditcard",
        "createdAt": "2024-01-01T00:00:00Z",
    }
    with wire(says(json.dumps({"success": True, "connector": connector}))) as server:
        assert accepted(server.url, call).body["connector"] == connector


@pytest.mark.parametrize("call", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("secret", [KEY, BASIC, quote(PASSWORD)])
def test_the_request_id_of_the_gateway_holds_no_credential(call, secret):
    body = json.dumps({"success": True, "merchants": [], "connector": {"guid": "CO-1"}})
    with wire(says(body, headers=f"X-Request-Id: id-{secret}\r\n")) as server:
        answer = accepted(server.url, call)
    assert answer.request_id == f"id-{MASK}"


@pytest.mark.parametrize("secret", [PAYLOAD_SECRET, "generated-canary"])
@pytest.mark.parametrize("padding", ["", "x" * 90])
def test_the_request_id_of_the_gateway_holds_no_secret_of_the_call(secret, padding):
    connector = {"guid": "CO-1", "sharedSecret": "generated-canary"}
    body = json.dumps({"success": True, "connector": connector})
    with wire(says(body, headers=f"X-Request-Id: {padding}{secret}\r\n")) as server:
        answer = accepted(server.url, WRITE)
    assert answer.request_id == f"{padding}{MASK}"


@pytest.mark.parametrize("padding", ["", "x" * 90])
def test_the_request_id_of_a_refusal_holds_no_part_of_a_secret(padding):
    body = json.dumps({"success": False, "errorCode": 1002, "errorMessage": "no"})
    with wire(
        says(body, status="422 Unprocessable", headers=f"X-Request-Id: {padding}{PAYLOAD_SECRET}\r\n")
    ) as server:
        error = failure(server.url, WRITE)
    assert error.request_id == f"{padding}{MASK}"


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        '"' + "".join(f"\\u{ord(letter):04X}" for letter in PASSWORD) + '"',
        json.dumps(f"Basic {BASIC}"),
    ],
)
def test_a_list_that_quotes_the_credential_is_scrubbed(written):
    body = f'{{"success": true, "merchants": [{{"guid": "ME-1", "name": {written}, "city": "Graz"}}]}}'
    with wire(says(body)) as server:
        answer = accepted(server.url)
    assert not any(canary in shown(answer) for canary in CANARIES)
    assert answer.body["merchants"][0]["city"] == "Graz"
