"""Every documented error code, with the field in front of the message."""

from typing import Any

import pytest

from tests.provisioning.sandbox.conftest import MERCHANT_A, ROUTING_CONNECTOR, TENANT_A

_MERCHANT = {"name": "Corner Shop", "homepage": "https://shop.example.org", "timezone": "UTC"}
_WEB = {
    "type": "web",
    "username": "refused.user",
    "email": "user@example.org",
    "password": "Example-Passw0rd!",
}
_API = {"type": "api", "username": "refused.api", "password": "Example-Passw0rd!"}
_CONNECTOR = {"name": "Simulator", "adapter": "Simulator", "method": "Creditcard", "apiKey": "refused-key"}
_META = {"name": "Meta", "adapter": "MetaConnector", "method": "MetaConnector", "apiKey": "refused-meta"}
_UNKNOWN_MERCHANT = "ME-9999-9999-9999-9999-9999-9999"
_NT: dict[str, Any] = {
    "merchantGuid": "ME-f719-a6e7-6375-49ad-ceb1-90c1",
    "userGuid": "US-17ed-0860-7958-1a71-cc43-7198",
    "companyName": "Shop",
    "websiteUrl": "https://shop.example.org",
    "businessIdentificationType": "EIN",
    "businessIdentificationValue": "1",
    "companyCity": "Anytown",
    "companyCountryCode": "US",
    "contactEmail": "alex@example.org",
}

_MERCHANTS = [
    (_MERCHANT | {"colour": "red"}, 1001, "colour"),
    (_MERCHANT | {"name": 7}, 1001, "name"),
    (_MERCHANT | {"city": None}, 1001, "city"),
    (_MERCHANT | {"defaultRiskRuleSet": "213"}, 1001, "defaultRiskRuleSet"),
    (_MERCHANT | {"name": "ab"}, 1002, "name"),
    (_MERCHANT | {"name": "a" * 256}, 1002, "name"),
    (_MERCHANT | {"defaultRiskRuleSet": 2**63}, 1002, "defaultRiskRuleSet"),
    (_MERCHANT | {"disabledTransactionTypes": ["debit"]}, 1002, "disabledTransactionTypes.0"),
    (_MERCHANT | {"timezone": "Europe/Atlantis"}, 1002, "timezone"),
    (_MERCHANT | {"country": "XX"}, 1002, "country"),
    (_MERCHANT | {"defaultCurrency": "ABC"}, 1002, "defaultCurrency"),
    (
        _MERCHANT | {"eventNotificationUrl": "https://example.org/" + "a" * 65535},
        1002,
        "eventNotificationUrl",
    ),
    (_MERCHANT | {"country": "at"}, 1003, "country"),
    (_MERCHANT | {"defaultCurrency": "Euro"}, 1003, "defaultCurrency"),
    (_MERCHANT | {"riskAlertEmail": "nobody"}, 1003, "riskAlertEmail"),
    (_MERCHANT | {"technicalEmail": "a b@example.org"}, 1003, "technicalEmail"),
    (_MERCHANT | {"homepage": "www.example.org"}, 1003, "homepage"),
    (_MERCHANT | {"homepage": "javascript:alert(1)"}, 1003, "homepage"),
    (_MERCHANT | {"name": "<b>Shop</b>"}, 1004, "name"),
    (_MERCHANT | {"name": "Corner\x00Shop"}, 1004, "name"),
    (_MERCHANT | {"city": "Vi\nenna"}, 1004, "city"),
    (_MERCHANT | {"zipCode": "\ud800"}, 1004, "zipCode"),
    ({"name": "Corner Shop", "timezone": "UTC"}, 1005, "homepage"),
    ({}, 1005, "name"),
]
_USERS = [
    (_WEB | {"validUntil": "tomorrow"}, 1003, "validUntil"),
    (_WEB | {"validUntil": "2026-02-31 00:00:00"}, 1003, "validUntil"),
    (_WEB | {"permissions": ["frontend.everything"]}, 1002, "permissions.0"),
    (_WEB | {"permissions": ["frontend.users.edit"] * 2}, 1002, "permissions"),
    (_WEB | {"password": "short"}, 1002, "password"),
    (_WEB | {"password": "alllowercase1!"}, 1002, "password"),
    (_WEB | {"password": "OnlyLettersHere"}, 1002, "password"),
    (_WEB | {"apiUserSettings": {"push": True}}, 1001, "apiUserSettings.push"),
    (_WEB | {"apiUserSettings": "push-api"}, 1001, "apiUserSettings"),
    (
        _WEB | {"multiMerchantAccess": [_UNKNOWN_MERCHANT]},
        1007,
        "Merchant 'ME-9999-9999-9999-9999-9999-9999'",
    ),
    (_WEB | {"username": "my<user>"}, 1004, "username"),
    ({"type": "web", "password": "Example-Passw0rd!"}, 1005, "email"),
    ({"type": "web", "email": "a@example.org"}, 1005, "password"),
    ({"type": "web", "email": "a@example.org", "sendInitialPassword": False}, 1005, "password"),
    ({"type": "api", "username": "machine"}, 1005, "password"),
    (_API | {"permissions": []}, 1006, "permissions"),
    (_API | {"sendInitialPassword": True}, 1006, "sendInitialPassword"),
    ({"type": "robot"}, 1002, "type"),
    ({"username": "someone"}, 1005, "type"),
]
_CONNECTORS = [
    (_CONNECTOR | {"Adapter": "Simulator"}, 1001, "Adapter"),
    (_CONNECTOR | {"settings": {"refund:ui-enabled": ["1"]}}, 1001, "settings.refund:ui-enabled"),
    (_CONNECTOR | {"terminals": [{"id": "1"}]}, 1001, "terminals.0.id"),
    (_CONNECTOR | {"adapter": "Unheard"}, 1002, "adapter"),
    (_CONNECTOR | {"method": "Cheque"}, 1002, "method"),
    (_CONNECTOR | {"postbackFormat": "json"}, 1002, "postbackFormat"),
    (_CONNECTOR | {"sharedSecret": "s" * 51}, 1002, "sharedSecret"),
    (_CONNECTOR | {"apiKey": "k" * 51}, 1002, "apiKey"),
    (_CONNECTOR | {"apiKey": ""}, 1002, "apiKey"),
    (_CONNECTOR | {"config": {"language": "deutsch"}}, 1003, "config.language"),
    (_CONNECTOR | {"apiKey": "two words"}, 1004, "apiKey"),
    (_CONNECTOR | {"alias": "näme"}, 1004, "alias"),
    (_CONNECTOR | {"config": {"extraData": {"a\x00b": "1"}}}, 1004, "config.extraData.a?b"),
    ({"name": "Simulator", "adapter": "Simulator", "method": "Creditcard"}, 1005, "apiKey"),
    (_META, 1005, "routingMetaConnector"),
    (_META | {"routingMetaConnector": {}, "multiMethodMetaConnector": {}}, 1006, "multiMethodMetaConnector"),
    (_CONNECTOR | {"routingMetaConnector": {}}, 1002, "adapter"),
    (_META | {"multiMethodMetaConnector": {"retries": 10}}, 1002, "multiMethodMetaConnector.retries"),
    (
        _META | {"routingMetaConnector": {"defaultConnector": "CO-9999-9999"}},
        1007,
        "routingMetaConnector.defaultConnector",
    ),
    (
        _META | {"routingMetaConnector": {"defaultConnector": "CO-4321-4321-4321-4321-4321-4321"}},
        1002,
        "routingMetaConnector.defaultConnector",
    ),
]
_ENROLLMENTS = [
    (_NT | {"companyName": "Shop; Inc"}, 1004, "companyName"),
    (_NT | {"companyCity": "Wörgl"}, 1004, "companyCity"),
    (_NT | {"duns": "12345678a"}, 1003, "duns"),
    (_NT | {"companyPhone": "1" * 17}, 1002, "companyPhone"),
    (_NT | {"contactEmail": "alex"}, 1003, "contactEmail"),
    (_NT | {"merchantGuid": _UNKNOWN_MERCHANT}, 1007, "Merchant 'ME-9999-9999-9999-9999-9999-9999'"),
    (_NT | {"userGuid": "US-9999"}, 1007, "Merchant user 'US-9999'"),
    ({key: value for key, value in _NT.items() if key != "companyName"}, 1005, "companyName"),
]


@pytest.mark.parametrize(("body", "code", "field"), _MERCHANTS)
def test_a_wrong_merchant_is_refused_with_code_and_field(call, body, code, field) -> None:
    _assert_refused(call.refused("createMerchant", TENANT_A, body=body), code, field)


@pytest.mark.parametrize(("body", "code", "field"), _USERS)
def test_a_wrong_user_is_refused_with_code_and_field(call, merchant, body, code, field) -> None:
    _assert_refused(call.refused("createMerchantUser", merchant, body=body), code, field)


@pytest.mark.parametrize(("body", "code", "field"), _CONNECTORS)
def test_a_wrong_connector_is_refused_with_code_and_field(call, merchant, body, code, field) -> None:
    _assert_refused(call.refused("createConnector", merchant, body=body), code, field)


@pytest.mark.parametrize(("body", "code", "field"), _ENROLLMENTS)
def test_a_wrong_enrolment_is_refused_with_code_and_field(call, body, code, field) -> None:
    _assert_refused(call.refused("createNtEnrollment", body=body), code, field)


def test_the_message_about_characters_reads_as_published(call) -> None:
    refusal = call.refused("createMerchant", TENANT_A, body=_MERCHANT | {"name": "Shop <1>"})
    assert refusal == (1004, "name: nameInvalid characters")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b'{"name": NaN}', "application/json"),
        (b'{"defaultRiskRuleSet": 1e999}', "application/json"),
        (b"\xff", "application/json"),
        (b'{"name": ' + b"[" * 200 + b"]" * 200 + b"}", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"name": "' + b"x" * 1024 * 1024 + b'"}', "application/json"),
        (b'{"name": "Corner Shop"}', "text/plain"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(call, data, kind) -> None:
    headers = {"Content-Type": kind}
    assert call.refused("updateMerchant", MERCHANT_A, data=data, headers=headers)[0] == 1001
    assert call.refused("setConnectorRouting", ROUTING_CONNECTOR, data=data, headers=headers)[0] == 1010


def test_an_empty_update_changes_nothing_and_is_refused(call, merchant, user, connector) -> None:
    assert call.refused("updateMerchant", merchant, body={})[0] == 1001
    assert call.refused("updateMerchantUser", user()["guid"], body={})[0] == 1001
    assert call.refused("updateConnector", connector()["guid"], body={})[0] == 1001


@pytest.mark.parametrize(
    ("operation", "path", "body"),
    [
        ("updateTenant", ["TE-9"], {"name": "New"}),
        ("listMerchants", ["TE-9"], None),
        ("createMerchant", ["TE-9"], _MERCHANT),
        ("updateMerchant", [_UNKNOWN_MERCHANT], {"name": "New"}),
        ("listMerchantUsers", [_UNKNOWN_MERCHANT], None),
        ("createMerchantUser", [_UNKNOWN_MERCHANT], _WEB),
        ("updateMerchantUser", ["US-9"], {"firstName": "New"}),
        ("listConnectors", [_UNKNOWN_MERCHANT], None),
        ("createConnector", [_UNKNOWN_MERCHANT], _CONNECTOR),
        ("updateConnector", ["CO-9"], {"name": "New"}),
        ("getConnectorSettings", ["Unheard"], None),
        ("getConnectorSettingsVault", ["Unheard", MERCHANT_A], None),
        ("getConnectorSettingsVault", ["Simulator", _UNKNOWN_MERCHANT], None),
        # A merchant is no tenant, and a connector no merchant.
        ("listMerchants", [MERCHANT_A], None),
        ("listConnectors", ["CO-1234-1234-1234-1234-1234-1234"], None),
    ],
)
def test_an_unknown_entity_is_refused_with_1007(call, operation, path, body) -> None:
    code, message = call.refused(operation, *path, body=body)
    assert code == 1007
    assert message.endswith("does not exist")


def test_an_unknown_field_with_an_unspeakable_name_is_still_refused_in_json(call) -> None:
    body = b'{"\\ud800": 1, "' + b"x" * 5000 + b'": 1}'
    code, message = call.refused(
        "updateMerchant", MERCHANT_A, data=body, headers={"Content-Type": "application/json"}
    )
    assert code in (1001, 1004)
    assert len(message) <= 500


def test_other_paths_and_methods_answer_with_the_error_envelope(call, gateway) -> None:
    assert call.session.get(f"{gateway.base_url}/listProviders").status_code == 404
    assert call.session.get(f"{gateway.base_url}/listMerchants/").json()["success"] is False
    response = call.session.delete(f"{gateway.base_url}/listTenants")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")
    assert call.session.get(f"{gateway.base_url}/createNtEnrollment").headers["Allow"] == "POST"


def _assert_refused(refusal: tuple[int, str], code: int, field: str) -> None:
    assert refusal[0] == code, refusal
    assert refusal[1].startswith(f"{field}: ") or refusal[1].startswith(f"{field} "), refusal
