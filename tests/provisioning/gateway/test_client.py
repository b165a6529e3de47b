"""What the client sends, to whom, and over which connection."""

import base64
import gzip
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from provisioning.gateway.errors import NotSent, OutcomeUnknown
from provisioning.gateway.requests import Call
from tests.provisioning.gateway.callers import KEY, PASSWORD, PAYLOAD_SECRET, READ, WRITE, accepted, client
from tests.provisioning.gateway.wire import certificate, response, says, wire

YES = '{"success": true, "merchants": [{"guid": "ME-1"}], "merchant": {"guid": "ME-1"}}'


def test_the_credential_travels_as_rfc_7617_says():
    with wire(says(YES)) as server:
        accepted(server.url)
    head = server.requests[0].decode("ascii")
    assert head.startswith("GET /api/listMerchants/TE-1 HTTP/1.1\r\n")
    expected = base64.b64encode(f"{KEY}:{PASSWORD}".encode()).decode()
    assert f"Authorization: Basic {expected}\r\n" in head


def test_a_write_carries_its_sealed_values_opened():
    with wire(says(YES)) as server:
        accepted(server.url, WRITE)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {"name": "Rosa", "password": PAYLOAD_SECRET}
    assert b"Content-Type: application/json\r\n" in head and b"Connection: close" in head


def test_reads_share_a_connection_and_writes_have_their_own():
    ports = []

    def talk(connection: socket.socket) -> None:
        ports.append(connection.getpeername()[1])
        connection.sendall(response(YES))

    with wire(talk, keep=True) as server:
        for call in (READ, READ, WRITE, WRITE, READ):
            accepted(server.url, call)
    assert ports[0] == ports[1] == ports[4]
    assert len(set(ports)) == 3


def test_a_read_survives_a_connection_that_went_stale_in_the_pool():
    def talk(connection: socket.socket) -> None:
        connection.sendall(response(YES))
        connection.close()

    with wire(talk) as server:
        for _ in range(3):
            accepted(server.url)
            time.sleep(0.02)


def test_gzip_is_understood():
    with wire(says(gzip.compress(YES.encode()), headers="Content-Encoding: gzip\r\n")) as server:
        assert accepted(server.url).body["merchants"] == [{"guid": "ME-1"}]


def test_a_trusted_certificate_is_accepted(tmp_path):
    tls, ca_file = certificate(tmp_path)
    with wire(says(YES), tls=tls) as server:
        for call in (READ, WRITE):
            assert accepted(f"https://127.0.0.1:{server.port}", call, ca_file=ca_file).http_status == 200


def test_the_environment_changes_nothing(monkeypatch, tmp_path):
    """Proxies, CA bundles, key logs and .netrc of the machine are not the portal's business."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password thief")
    tls, _ = certificate(tmp_path)
    cert_file = str(tmp_path / "cert.pem")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, cert_file)
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    monkeypatch.setenv("NETRC", str(netrc))
    with wire(says(YES)) as server:
        accepted(server.url)
        accepted(server.url, WRITE)
    assert all(b"Basic " + base64.b64encode(b"thief:thief") not in request for request in server.requests)
    with wire(says(YES), tls=tls) as server, pytest.raises(NotSent):
        accepted(f"https://127.0.0.1:{server.port}")
    assert not (tmp_path / "keys.log").exists()


def test_cookies_are_neither_kept_nor_sent():
    with wire(says(YES, headers="Set-Cookie: a=b; Path=/\r\n"), keep=True) as server:
        accepted(server.url)
        accepted(server.url)
    assert b"cookie" not in server.requests[1].lower()


def test_nan_infinity_nul_and_lone_surrogates_do_not_get_past_the_client():
    listed = '[NaN, -Infinity, 1e999, 1.5, "a\\u0000b", "\\ud800", "\\ud83d\\ude00"]'
    with wire(says(f'{{"success": true, "merchants": {listed}}}')) as server:
        listed = accepted(server.url).body["merchants"]
    assert listed == [None, None, None, 1.5, "a\ufffdb", "\ufffd", "😀"]


def test_a_read_without_success_but_with_its_content_is_accepted():
    with wire(says('{"merchants": []}')) as server:
        assert accepted(server.url).body == {"merchants": []}


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1, 2}])
def test_what_json_cannot_carry_is_not_sent(value):
    with wire(says(YES)) as server, pytest.raises(NotSent):
        accepted(server.url, Call("POST", "/x", payload={"name": value}))
    assert server.requests == []


def test_the_clients_repr_shows_no_credential():
    shown = repr(client("http://127.0.0.1:1")) + repr(WRITE)
    assert not any(secret in shown for secret in (KEY, PASSWORD, PAYLOAD_SECRET))


def test_readers_in_parallel_each_get_their_own_answer_and_deadline():
    def talk(connection: socket.socket) -> None:
        asked = server.asked[connection.getpeername()]
        if asked.endswith("slow"):
            time.sleep(3)
        connection.sendall(response(json.dumps({"success": True, "merchants": [asked]})))

    def one(number: int) -> object:
        target = f"TE-{number}-slow" if number % 8 == 0 else f"TE-{number}"
        call = replace(READ, target=target)
        deadline = 1.0 if number % 8 == 0 else 15.0
        try:
            return client(server.url, deadline=deadline).send(call).body["merchants"] == [target]
        except OutcomeUnknown:
            return number % 8 == 0

    with wire(talk, keep=True) as server, ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(200)))
