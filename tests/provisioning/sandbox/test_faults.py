"""Faults as they arrive on the wire, read from raw sockets where an HTTP client would hide them."""

import base64
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from tests.provisioning.sandbox.conftest import TENANT_A

_MERCHANT = {"name": "Faulty Shop", "homepage": "https://shop.example.org", "timezone": "UTC"}


def _sent(
    gateway, fault: str, method: str = "GET", path: str = "/listTenants", body: bytes = b""
) -> socket.socket:
    """Sends one request by hand and returns the connection, nothing read yet."""
    where = urlsplit(gateway.base_url)
    connection = socket.create_connection((where.hostname, where.port), timeout=30)
    credential = base64.b64encode(":".join(gateway.auth).encode()).decode()
    head = (
        f"{method} {where.path}{path} HTTP/1.1\r\nHost: {where.netloc}\r\nX-Sandbox-Fault: {fault}\r\n"
        f"Authorization: Basic {credential}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def _received(connection: socket.socket) -> bytes:
    """Everything until the server closes. Raises ConnectionResetError for RST."""
    received = b""
    with connection:
        while part := connection.recv(65536):
            received += part
    return received


def _merchants(call, name: str) -> int:
    return sum(one["name"] == name for one in call("listMerchants", TENANT_A).json()["merchants"])


def _faulty(call, fault: str, **more):
    return call("listTenants", headers={"X-Sandbox-Fault": fault}, **more)


@pytest.mark.parametrize(("fault", "code"), [("401", 1000), ("422", 1001), ("500", 9999)])
def test_ordered_refusals_look_like_real_ones(call, fault, code) -> None:
    response = _faulty(call, fault)
    assert (response.status_code, response.json()["errorCode"]) == (int(fault), code)
    assert response.headers["X-Request-Id"]


def test_latency_answers_late_and_right(call) -> None:
    started = time.monotonic()
    assert _faulty(call, "latency=0.4").json()["success"] is True
    assert time.monotonic() - started >= 0.4


def test_a_reset_arrives_as_rst_and_nothing_is_carried_out(gateway, call) -> None:
    body = json.dumps(_MERCHANT | {"name": "Reset Shop"}).encode()
    with pytest.raises(ConnectionResetError):
        _received(_sent(gateway, "reset", "POST", f"/createMerchant/{TENANT_A}", body))
    assert _merchants(call, "Reset Shop") == 0


def test_commit_then_drop_is_carried_out_and_closes_without_a_byte(gateway, call) -> None:
    body = json.dumps(_MERCHANT | {"name": "Dropped Shop"}).encode()
    assert _received(_sent(gateway, "commit-then-drop", "POST", f"/createMerchant/{TENANT_A}", body)) == b""
    assert _merchants(call, "Dropped Shop") == 1


def test_a_truncated_body_ends_before_its_announced_length(gateway) -> None:
    head, _, body = _received(_sent(gateway, "truncated")).partition(b"\r\n\r\n")
    announced = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) < announced
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        json.loads(body)


def test_a_hanging_request_gets_no_byte_until_the_connection_closes(gateway) -> None:
    started = time.monotonic()
    assert _received(_sent(gateway, "hang=0.6")) == b""
    assert time.monotonic() - started >= 0.6


def test_hanging_ends_when_the_caller_leaves(gateway, call) -> None:
    for _ in range(24):  # more than the gateway answers at once; the caller waits for half of that time
        _sent(gateway, "hang=60").close()
    assert call("listTenants").status_code == 200


def test_a_dripping_body_takes_its_time_byte_by_byte(gateway) -> None:
    parts, started = [], time.monotonic()
    connection = _sent(gateway, "drip=2", path="/getConnectorSettings/CashLine")
    while b"}}" not in b"".join(parts) and (part := connection.recv(4096)):
        parts.append(part)
    connection.close()
    assert time.monotonic() - started >= 1.8
    assert len(parts) > 10


def test_an_html_page_a_redirect_and_garbage_are_no_json(call) -> None:
    page = _faulty(call, "html")
    assert (page.status_code, page.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    moved = _faulty(call, "redirect", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (302, "/healthz?redirected=1")
    garbage = _faulty(call, "garbage")
    assert garbage.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        garbage.json()


def test_a_huge_answer_has_the_ordered_size(call) -> None:
    assert len(_faulty(call, "huge=3").content) > 3 * 1024 * 1024


@pytest.mark.parametrize("fault", ["explode", "latency=soon", "latency=-1", "latency=1000", "500=1"])
def test_an_unknown_fault_is_refused_so_that_no_test_passes_by_accident(call, fault) -> None:
    response = _faulty(call, fault)
    assert response.status_code == 422
    assert response.json()["errorMessage"].startswith("X-Sandbox-Fault: ")


def test_an_armed_fault_meets_the_next_requests_of_its_operation(gateway, call) -> None:
    control = f"{gateway.root_url}/sandbox/faults"
    order = {"fault": "500", "requests": 2, "operation": "listTenants"}
    armed = requests.post(control, json=order, timeout=30).json()["armed"]
    assert armed == [{"kind": "500", "amount": 0.0, "operation": "listTenants", "remaining": 2}]
    assert call("listRoutingConstraints").status_code == 200
    assert [call("listTenants").status_code for _ in range(3)] == [500, 500, 200]


def test_armed_faults_are_listed_and_disarmed(gateway, call) -> None:
    control = f"{gateway.root_url}/sandbox/faults"
    requests.post(control, json={"fault": "html", "requests": 100}, timeout=30)
    assert requests.delete(control, timeout=30).json() == {"armed": []}
    assert call("listTenants").status_code == 200


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ('{"fault": "explode"}', "application/json"),
        ('{"fault": "500", "operation": "listCoffee"}', "application/json"),
        ("[]", "application/json"),
        ("{", "application/json"),
        ("fault=500", "application/x-www-form-urlencoded"),
    ],
)
def test_the_control_takes_only_faults_as_json(gateway, data, kind) -> None:
    control = f"{gateway.root_url}/sandbox/faults"
    response = requests.post(control, data=data, headers={"Content-Type": kind}, timeout=30)
    assert response.status_code == 422
    assert requests.get(control, timeout=30).json() == {"armed": []}


def test_a_limit_and_an_outage_say_when_to_try_again(call) -> None:
    limited = _faulty(call, "429=7")
    assert (limited.status_code, limited.headers["Retry-After"], limited.json()["success"]) == (
        429,
        "7",
        False,
    )
    away = _faulty(call, "503=9")
    assert (away.status_code, away.headers["Retry-After"]) == (503, "9")
    assert "html" in away.headers["Content-Type"]
    assert _faulty(call, "403").status_code == 403


@pytest.mark.parametrize(
    ("fault", "status", "success"), [("200-refused", 200, False), ("contradiction", 422, True)]
)
def test_contradictory_refusals_carry_nothing_out(call, fault, status, success) -> None:
    name = f"Contradictory {fault}"
    response = call(
        "createMerchant", TENANT_A, body=_MERCHANT | {"name": name}, headers={"X-Sandbox-Fault": fault}
    )
    found = response.json()
    assert (response.status_code, found["success"], found["errorCode"]) == (status, success, 1002)
    assert _merchants(call, name) == 0


def test_a_newer_gateway_shows_unknown_values_and_accepts_them_back(call) -> None:
    newer = {"X-Sandbox-Fault": "future"}
    body = _MERCHANT | {"name": "Future Shop", "disabledTransactionTypes": ["payout"]}
    made = call("createMerchant", TENANT_A, body=body, headers=newer).json()["merchant"]
    assert made["disabledTransactionTypes"] == ["payout", "incremental_authorization"]
    assert made["regulatoryProfile"]
    listed = call("listMerchants", TENANT_A, headers=newer).json()["merchants"]
    found = next(one for one in listed if one["guid"] == made["guid"])
    assert found["networkTokenizationEnabled"] == "suspended"
    back = {"disabledTransactionTypes": ["refund", "incremental_authorization"]}
    assert call.refused("updateMerchant", made["guid"], body=back)[0] == 1002
    changed = call("updateMerchant", made["guid"], body=back, headers=newer).json()["merchant"]
    assert changed["disabledTransactionTypes"] == ["refund", "incremental_authorization"]


def test_a_newer_gateway_shows_terminals_with_more_and_takes_that_back(call, connector) -> None:
    newer = {"X-Sandbox-Fault": "future"}
    made = connector(terminals=[{"terminalId": "T1"}])
    listed = call("listConnectors", made["merchantGuid"], headers=newer).json()["connectors"]
    rows = next(one for one in listed if one["guid"] == made["guid"])["terminals"]
    assert rows == [{"terminalId": "T1", "disabled": False, "softwareVersion": "7.1"}]
    back = {"terminals": [*rows, {"terminalId": "T2"}]}
    assert call.refused("updateConnector", made["guid"], body=back)[0] == 1001
    changed = call("updateConnector", made["guid"], body=back, headers=newer).json()["connector"]
    assert [row["softwareVersion"] for row in changed["terminals"]] == ["7.1", "7.1"]


def test_misspelt_answers_follow_the_published_slips(call, connector, user) -> None:
    slips = {"X-Sandbox-Fault": "misspelt"}
    made = connector()
    changed = call("updateConnector", made["guid"], body={"description": "x"}, headers=slips).json()
    assert {"Adapter", "APIKey", "MerchantGUID"} <= set(changed["connector"])
    person = user(permissions=["frontend.dashboard.show", "frontend.transaction.refund"])
    answered = call("updateMerchantUser", person["guid"], body={"lastName": "X"}, headers=slips).json()
    assert answered["merchantUser"]["permissions"] == "frontend.dashboard.show frontend.transaction.refund"
