"""Rules that the public pages state and a gateway can get wrong, each with its relatives."""

import base64
import http.client
import json
import re
from urllib.parse import urlsplit

import pytest
import requests

from provisioning.sandbox.codes import COUNTRIES, CURRENCIES
from tests.gateway import command, command_json
from tests.provisioning.sandbox.conftest import TENANT_A, Caller

_MANDATORY = "TE-b200-0000-0000-0000-0000-0002"
_RESTRICTED = "TE-c300-0000-0000-0000-0000-0003"
_MERCHANT = {"name": "Rules Shop", "homepage": "https://shop.example.org", "timezone": "UTC"}
_META = {"adapter": "MetaConnector", "method": "MetaConnector"}


def _if(then: object, otherwise: object = None) -> dict:
    condition = {"constraint": "Currency", "params": {"currency": "EUR"}}
    return {"id": None, "if": condition, "then": then, "else": otherwise}


_ENABLE = {"id": None, "action": "enable"}
_DISABLE = {"id": None, "action": "disable"}


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        (_ENABLE, "tree/action"),
        (_if(_ENABLE), "tree/then/action"),
        (_if(_DISABLE, _if(_DISABLE, _ENABLE)), "tree/else/else/action"),
    ],
)
def test_an_enable_leaf_needs_a_default_connector_of_the_method(call, connector, tree, path) -> None:
    target = connector()["guid"]
    meta = connector(**_META, multiMethodMetaConnector={})["guid"]
    block = {"method": "Creditcard", "availability": {"tree": tree}}
    body = {"version": "1", "methods": [block]}
    code, message = call.refused("setConnectorMultiMethodRouting", meta, body=body)
    assert (code, message.endswith(f"'methods/0/availability/{path}'")) == (1014, True)
    body["methods"] = [block | {"defaultConnector": None}]
    assert call.refused("setConnectorMultiMethodRouting", meta, body=body)[0] == 1014
    body["methods"] = [block | {"defaultConnector": {"connector": target}}]
    assert call("setConnectorMultiMethodRouting", meta, body=body).status_code == 200
    body["methods"] = [block]  # now the stored one counts
    assert call("setConnectorMultiMethodRouting", meta, body=body).status_code == 200


def test_a_tree_that_only_disables_needs_no_default_connector(call, connector) -> None:
    connector()
    meta = connector(**_META, multiMethodMetaConnector={})["guid"]
    block = {"method": "Creditcard", "availability": {"tree": _if(_DISABLE)}}
    body = {"version": "1", "methods": [block]}
    assert call("setConnectorMultiMethodRouting", meta, body=body).status_code == 200


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({"multiMethodMetaConnector": {"retries": -1}}, 1002),
        ({"multiMethodMetaConnector": {"retries": 10}}, 1002),
        ({"multiMethodMetaConnector": {"expiry": -1}}, 1002),
        ({"multiMethodMetaConnector": {"weird": 1}}, 1001),
        ({"routingMetaConnector": {"weird": 1}}, 1001),
        ({"routingMetaConnector": {"rerouteRecurring": True}}, 1001),
    ],
)
def test_meta_connectors_take_documented_properties_within_bounds(call, merchant, fresh, meta, code) -> None:
    body = {"name": "Meta", "apiKey": fresh("meta"), **_META}
    assert call.refused("createConnector", merchant, body=body | meta)[0] == code
    made = call("createConnector", merchant, body=body | {kind: {} for kind in meta})
    assert call.refused("updateConnector", made.json()["connector"]["guid"], body=meta)[0] == code


@pytest.mark.parametrize(
    ("adapter", "config", "code"),
    [
        ("Simulator", {"extraData": {"allowExpiredCards": "perhaps"}}, 1001),
        ("Simulator", {"extraData": {"allowExpiredCards": 1}}, 1001),
        ("ExampleAcquirer", {"extraData": {"dynamicDescriptor": "true"}}, 1001),
        ("MeridianPsp", {"extraData": {"brands": ["visa"]}}, 1001),
        ("MeridianPsp", {"extraData": {"brands": [{"brand": "visa", "surcharge": "no"}]}}, 1001),
        ("MeridianPsp", {"extraData": {"brands": [{"brand": "unknown"}]}}, 1002),
        ("MeridianPsp", {"vault": {"tokenDomain": "planet"}}, 1002),
        ("MeridianPsp", {"vault": {"privateKey": 7}}, 1001),
        ("SimulatorPci", {"vault": {"applePay": {"enabled": "yes"}}}, 1001),
        ("SimulatorPci", {"vault": {"applePay": True}}, 1001),
        ("SimulatorPci", {"vault": {"enableTestMpi": 0}}, 1001),
        (
            "SimulatorPci",
            {"vault": {"threeDConfig": {"enabled": True, "acquirers": [{"scheme": "x"}]}}},
            1002,
        ),
    ],
)
def test_adapter_and_vault_values_are_held_to_their_descriptors(
    call, merchant, adapter, config, code
) -> None:
    body = {"name": "Held", "adapter": adapter, "method": "Creditcard", "apiKey": "held", "config": config}
    assert call.refused("createConnector", merchant, body=body)[0] == code


def test_the_described_vault_fields_are_accepted_and_kept(call, connector, merchant) -> None:
    fields = call("getConnectorSettingsVault", "SimulatorPci", merchant).json()["vaultConfig"]
    three_ds = next(field for field in fields if field["name"] == "threeDV2Config")["properties"]
    acquirers = next(field for field in three_ds if field["name"] == "acquirers")["items"]["properties"]
    names = [field["name"] for field in acquirers]
    protocol = next(field for field in three_ds if field["name"] == "preferredProtocolVersion")
    challenge = next(field for field in three_ds if field["name"] == "parameterConfig")["properties"][0]
    vault = {
        "threeDV2Config": {
            "enabled": True,
            "acquirers": [dict(zip(names, ["visa", "412345", "M1"], strict=True))],
            "merchant": {"mcc": "5411", "country": "040", "name": "Shop"},
            "parameterConfig": {"challengeIndicator": challenge["enum"][0]},
            "preferredProtocolVersion": protocol["enum"][1],
        },
        "applePay": {"enabled": False, "merchantIdentifier": "merchant.example"},
        "unknownToTheDescriptors": {"kept": True},
    }
    made = connector(adapter="SimulatorPci", config={"vault": vault})
    assert made["config"]["vault"] == vault


@pytest.mark.parametrize("value", [True, 1.5, None, ["x"], {"a": 1}])
def test_an_undocumented_setting_is_a_text_or_an_integer(call, merchant, value) -> None:
    body = {"name": "Odd", "adapter": "Simulator", "method": "Creditcard", "apiKey": "odd-setting"}
    refusal = call.refused("createConnector", merchant, body=body | {"settings": {"acme:key": value}})
    assert refusal[0] == 1001


def test_keys_and_passwords_have_the_published_shape(gateway) -> None:
    made = gateway.key_created("--name", "Shape")
    reset = command_json(gateway.data_dir, "sandbox_key", "reset", made["apiKey"])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{16}", made["apiKey"])
    for shown in (made, reset):
        assert re.fullmatch(r"[0-9a-f]{32}", shown["password"])


@pytest.mark.parametrize(
    "addresses",
    [
        "127.0.0.0/255.0.0.0",
        "127.0.0.0/0.0.0.255",
        "127.0.0.0/08",
        "127.0.0.0/",
        "127.0.0.0/-1",
        "127.0.0.0/+8",
        "fe80::1%eth0",
        "127.1",
        "0127.0.0.1",
        "::1/129",
        "2130706433",
    ],
)
def test_what_is_not_cidr_is_refused(gateway, addresses) -> None:
    done = command(gateway.data_dir, "sandbox_key", "create", "--addresses", addresses)
    assert (done.returncode != 0, "neither" in done.stderr) == (True, True)


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        ("::ffff:127.0.0.1", 200),
        ("::ffff:127.0.0.0/104", 200),
        ("::ffff:10.0.0.0/104", 401),
        ("::ffff:0:0/96", 200),
        ("0.0.0.0/0", 200),
        ("127.0.0.16/28", 401),
        ("127.0.0.0/28", 200),
    ],
)
def test_ranges_admit_whom_they_name(gateway, addresses, status) -> None:
    key = gateway.key_created("--addresses", addresses)
    assert Caller(gateway, (key["apiKey"], key["password"]))("listTenants").status_code == status


def _chunked(gateway, body: bytes, raw: bytes | None = None) -> tuple[int, dict]:
    """Send a createMerchant body in chunks of 20 bytes, or `raw` as it is on the wire."""
    where = urlsplit(gateway.base_url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    token = base64.b64encode(":".join(gateway.auth).encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    parts = iter([body[start : start + 20] for start in range(0, len(body), 20)])
    headers["Transfer-Encoding"] = "chunked"
    path = f"{where.path}/createMerchant/{TENANT_A}"
    connection.request("POST", path, raw or parts, headers, encode_chunked=raw is None)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text.startswith(b"{") else {}


def test_a_body_in_chunks_is_read(gateway) -> None:
    assert _chunked(gateway, json.dumps(_MERCHANT).encode())[0] == 200
    status, refusal = _chunked(gateway, b'{"name": ')
    assert (status, refusal["errorCode"]) == (422, 1001)
    status, refusal = _chunked(gateway, json.dumps(_MERCHANT | {"address": "x" * 1024 * 1024}).encode())
    assert (status, "larger than 1 MiB" in refusal["errorMessage"]) == (422, True)


@pytest.mark.parametrize(
    "password",
    [
        "NoSpecial1InHere2",
        "nouppercase1!!!!",
        "NOLOWERCASE1!!!!",
        "Sh0rt!",
        "With Blanks Only 1",
        "Ünïcödé123456",
    ],
)
def test_weak_passwords_are_refused(call, merchant, user, password) -> None:
    body = {"type": "api", "username": "weak.password", "password": password}
    assert call.refused("createMerchantUser", merchant, body=body)[0] == 1002
    changed = {"password": password}
    assert call.refused("updateMerchantUser", user(type="api")["guid"], body=changed)[0] == 1002


def test_the_published_password_is_accepted(user) -> None:
    assert user(type="api", password="MySecret!!!!")["guid"]


@pytest.mark.parametrize("sent", [{}, {"sendInitialPassword": False}])
def test_a_web_user_needs_a_password_or_the_mail(call, merchant, fresh, sent) -> None:
    body = {"type": "web", "email": "a@example.org", "username": fresh("web")}
    code, message = call.refused("createMerchantUser", merchant, body=body | sent)
    assert (code, message.split(":")[0]) == (1005, "password")
    assert call("createMerchantUser", merchant, body=body | {"sendInitialPassword": True}).status_code == 200


@pytest.mark.parametrize("currency", ["XCG", "SVC", "VED", "SLE", "ZWG", "CHF"])
def test_currencies_in_force_are_accepted(call, currency) -> None:
    assert call("createMerchant", TENANT_A, body=_MERCHANT | {"defaultCurrency": currency}).status_code == 200


@pytest.mark.parametrize("currency", ["ANG", "BGN", "HRK", "SLL", "ZWL", "BYR", "XXX"])
def test_withdrawn_currencies_are_refused(call, currency) -> None:
    assert call.refused("createMerchant", TENANT_A, body=_MERCHANT | {"defaultCurrency": currency})[0] == 1002


def test_code_lists_are_sorted_and_without_user_assigned_codes() -> None:
    assert (len(COUNTRIES), "XK" in COUNTRIES) == (249, False)
    for codes in (COUNTRIES, CURRENCIES):
        assert list(codes) == sorted(set(codes))


def test_one_tenant_makes_a_further_merchant_field_mandatory(call) -> None:
    assert call.refused("createMerchant", _MANDATORY, body=_MERCHANT) == (
        1005,
        "administrativeEmail: mandatory, but missing",
    )
    body = _MERCHANT | {"administrativeEmail": "office@shop.example.org"}
    made = call("createMerchant", _MANDATORY, body=body).json()["merchant"]
    assert call("updateMerchant", made["guid"], body={"city": "Bristol"}).status_code == 200
    assert call.refused("updateMerchant", made["guid"], body={"administrativeEmail": ""})[0] == 1005


def test_one_tenant_has_a_smaller_catalogue_of_conditions(gateway, call) -> None:
    key = gateway.key_created("--tenant", _RESTRICTED)
    own = Caller(gateway, (key["apiKey"], key["password"]))
    names = {entry["identifier"] for entry in own("listRoutingConstraints").json()["constraints"]}
    everything = {entry["identifier"] for entry in call("listRoutingConstraints").json()["constraints"]}
    assert (len(everything), "RiskScore" in names, names < everything) == (27, False, True)
    merchant = own("createMerchant", _RESTRICTED, body=_MERCHANT).json()["merchant"]["guid"]
    body = {"name": "Target", "adapter": "Simulator", "method": "Creditcard", "apiKey": "restricted-target"}
    target = own("createConnector", merchant, body=body).json()["connector"]["guid"]
    body |= {"apiKey": "restricted-meta", **_META, "routingMetaConnector": {}}
    meta = own("createConnector", merchant, body=body).json()["connector"]["guid"]
    leaf = {"id": None, "route": {"connector": target}}
    for name, status in (("RiskScore", 422), ("Currency", 200)):
        params = {"currency": "EUR"} if name == "Currency" else {"comparator": ">", "value": "5"}
        tree = {"id": None, "if": {"constraint": name, "params": params}, "then": leaf}
        response = own("setConnectorRouting", meta, body={"version": "1", "tree": tree})
        assert response.status_code == status, response.text
    assert response.json()["routing"]["tree"]["if"]["constraint"] == "Currency"


def test_a_deleted_key_stops_working_at_once(gateway) -> None:
    key = gateway.key_created("--name", "Delete me")
    caller = Caller(gateway, (key["apiKey"], key["password"]))
    assert caller("listTenants").status_code == 200
    session = requests.Session()
    session.trust_env = False
    address = f"{gateway.root_url}/system-setup/api-keys/{key['apiKey']}/delete/"
    page = session.get(address, timeout=30)
    assert (page.status_code, caller("listTenants").status_code) == (200, 200)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    sent = {"csrfmiddlewaretoken": token}
    gone = session.post(address, sent, headers={"Referer": address}, timeout=30)
    assert (gone.status_code, key["apiKey"] in gone.text) == (200, False)
    assert caller("listTenants").status_code == 401
    assert session.get(address, timeout=30).status_code == 404
