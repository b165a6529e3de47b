"""Who may call: Basic authentication to the letter, services, addresses, and the tree of the key's tenant."""

import base64

import pytest
import requests

from tests.gateway import command, command_json
from tests.provisioning.sandbox.conftest import MERCHANT_A, TENANT_A, Caller

_FOREIGN_TENANT = "TE-9000-0000-0000-0000-0000-0009"
_FOREIGN_MERCHANT = "ME-9000-0000-0000-0000-0000-0009"


def _asked(gateway, header: str | None) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    headers = {} if header is None else {"Authorization": header}
    return session.get(f"{gateway.base_url}/listTenants", headers=headers, timeout=30)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_is_read_whatever_its_capitals(gateway, scheme) -> None:
    assert _asked(gateway, f"{scheme} {_encoded(':'.join(gateway.auth))}").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + _encoded("no-colon"),
        "Basic " + _encoded("unknown:password"),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer " + _encoded("a:b"),
    ],
)
def test_missing_malformed_and_wrong_credentials_are_refused(gateway, header) -> None:
    response = _asked(gateway, header)
    assert response.status_code == 401
    assert response.json() == {"success": False, "errorCode": 1000, "errorMessage": "Unauthorized"}
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Provisioning API", charset="UTF-8"'


def test_a_password_with_colons_and_umlauts_is_compared_as_a_whole(gateway) -> None:
    for wrong in (f"{gateway.password}:more", f"{gateway.password}\n", "päss:wörd"):
        assert _asked(gateway, f"Basic {_encoded(f'{gateway.api_key}:{wrong}')}").status_code == 401


def test_a_key_of_another_service_is_refused_with_the_reason(gateway) -> None:
    key = gateway.key_created("--service", "BI Data Source")
    response = Caller(gateway, (key["apiKey"], key["password"]))("listTenants")
    assert (response.status_code, response.json()["errorCode"]) == (401, 1000)
    assert "BI Data Source" in response.json()["errorMessage"]


@pytest.mark.parametrize(
    ("addresses", "status"),
    [("10.0.0.1,192.168.0.0/16", 401), ("::1", 401), ("127.0.0.0/8", 200), ("10.0.0.1,127.0.0.1", 200)],
)
def test_only_listed_addresses_may_call(gateway, addresses, status) -> None:
    key = gateway.key_created("--addresses", addresses)
    response = Caller(gateway, (key["apiKey"], key["password"]))(
        "listTenants", headers={"X-Forwarded-For": "10.0.0.1"}
    )
    assert response.status_code == status
    if status == 401:
        assert "address" in response.json()["errorMessage"]


def test_a_key_reaches_the_tree_of_its_tenant_and_nothing_else(gateway, call) -> None:
    key = gateway.key_created("--tenant", _FOREIGN_TENANT)
    foreign = Caller(gateway, (key["apiKey"], key["password"]))
    assert foreign("listTenants").json()["tenants"] == []
    assert foreign("listMerchants", _FOREIGN_TENANT).json()["merchants"][0]["guid"] == _FOREIGN_MERCHANT
    assert foreign.refused("listMerchants", TENANT_A)[0] == 1007
    assert foreign.refused("listConnectors", MERCHANT_A)[0] == 1007
    assert call.refused("listMerchantUsers", _FOREIGN_MERCHANT)[0] == 1007
    body = {"multiMerchantAccess": [_FOREIGN_MERCHANT]}
    assert call.refused("updateMerchantUser", "US-1234-1234-1234-1234-1234-1234", body=body)[0] == 1007


def test_a_tenant_without_the_ability_may_not_ask_for_network_tokenization(gateway) -> None:
    key = gateway.key_created("--tenant", _FOREIGN_TENANT)
    refusal = Caller(gateway, (key["apiKey"], key["password"])).refused("createNtEnrollment", body={})
    assert refusal[0] == "NOT_ALLOWED"


def test_a_tenant_may_accept_enrolments_by_itself(gateway, call, merchant) -> None:
    key = gateway.key_created("--tenant", TENANT_A)
    own = Caller(gateway, (key["apiKey"], key["password"]))
    body = {
        "merchantGuid": merchant,
        "userGuid": "US-17ed-0860-7958-1a71-cc43-7198",
        "companyName": "Shop",
        "websiteUrl": "https://shop.example.org",
        "businessIdentificationType": "EIN",
        "businessIdentificationValue": "1",
        "companyCity": "Anytown",
        "companyCountryCode": "US",
        "contactEmail": "alex@example.org",
    }
    assert call("createNtEnrollment", body=body).json()["enrollmentId"].startswith("NT-")
    assert own("createNtEnrollment", body=body).status_code == 200
    merchants = call("listMerchants", TENANT_A).json()["merchants"]
    found = next(one for one in merchants if one["guid"] == merchant)
    assert (found["networkTokenizationEnabled"], set(found["trids"])) == ("enabled", {"visa", "mastercard"})


def test_a_reset_ends_the_old_password_at_once(gateway) -> None:
    key = gateway.key_created("--name", "Reset me")
    old = Caller(gateway, (key["apiKey"], key["password"]))
    assert old("listTenants").status_code == 200
    reset = command_json(gateway.data_dir, "sandbox_key", "reset", key["apiKey"])
    assert old("listTenants").status_code == 401
    assert Caller(gateway, (key["apiKey"], reset["password"]))("listTenants").status_code == 200


def test_the_list_of_keys_shows_everything_but_passwords(gateway) -> None:
    key = gateway.key_created("--name", "Listed")
    listed = command_json(gateway.data_dir, "sandbox_key", "list")
    found = next(one for one in listed if one["apiKey"] == key["apiKey"])
    assert found == {name: value for name, value in key.items() if name != "password"}
    database = b"".join(path.read_bytes() for path in gateway.data_dir.glob("sandbox.sqlite3*"))
    assert key["apiKey"].encode() in database
    assert key["password"].encode() not in database


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--addresses", "127.0.0.1, ::1"], "blanks"),
        (["--addresses", "localhost"], "neither"),
        (["--addresses", ""], "neither"),
        (["--addresses", "10.0.0.0/40"], "neither"),
        (["--addresses", ",".join(["127.0.0.1"] * 200)], "1000"),
        (["--service", "Coffee API"], "not a service"),
        (["--tenant", "TE-none"], "does not exist"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(gateway, options, reason) -> None:
    done = command(gateway.data_dir, "sandbox_key", "create", *options)
    assert done.returncode != 0
    assert reason in done.stderr
    assert done.stdout == ""


def test_resetting_an_unknown_key_is_refused(gateway) -> None:
    assert "no API key" in command(gateway.data_dir, "sandbox_key", "reset", "none").stderr
