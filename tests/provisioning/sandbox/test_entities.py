"""How entities behave: the documented oddities, what merges, what replaces, what belongs together."""

import re

import pytest

from tests.provisioning.sandbox.conftest import MERCHANT_A, TENANT_A

_MERCHANT = {"name": "Corner Shop", "homepage": "https://shop.example.org", "timezone": "UTC"}


def _listed(call, operation: str, key: str, parent: str, guid: str) -> dict:
    found = call(operation, parent).json()[key]
    return next(entity for entity in found if entity["guid"] == guid)


def test_the_own_tenant_is_not_listed_but_its_merchants_are_available(call, gateway) -> None:
    assert gateway.own_tenant not in [tenant["guid"] for tenant in call("listTenants").json()["tenants"]]
    created = call("createMerchant", gateway.own_tenant, body=_MERCHANT).json()["merchant"]
    listed = call("listMerchants", gateway.own_tenant).json()["merchants"]
    assert created in listed


def test_updating_a_tenant_answers_with_the_list_and_keeps_absent_fields(call) -> None:
    guid = "TE-4321-4321-4321-4321-4321"
    tenants = call("updateTenant", guid, body={"mailSenderName": "Mail of B"}).json()["tenants"]
    changed = next(tenant for tenant in tenants if tenant["guid"] == guid)
    assert len(tenants) > 1
    assert (changed["mailSenderName"], changed["domain"]) == ("Mail of B", "tenant-b.example.org")


def test_two_merchants_may_have_the_same_name_and_external_id(call) -> None:
    body = _MERCHANT | {"externalId": "twice"}
    first, second = (call("createMerchant", TENANT_A, body=body).json()["merchant"] for _ in range(2))
    assert first["guid"] != second["guid"]
    assert re.fullmatch(r"ME(-[0-9a-f]{4}){6}", first["guid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first["createdAt"])


def test_a_merchant_update_keeps_what_is_not_sent(call, merchant) -> None:
    call("updateMerchant", merchant, body={"city": "Graz", "disabledTransactionTypes": ["payout"]})
    changed = call("updateMerchant", merchant, body={"disabledTransactionTypes": ["refund"]}).json()[
        "merchant"
    ]
    assert (changed["city"], changed["disabledTransactionTypes"]) == ("Graz", ["refund"])
    assert changed == _listed(call, "listMerchants", "merchants", TENANT_A, merchant)


def test_disabling_a_merchant_leaves_the_flags_of_its_connectors(call, merchant, connector) -> None:
    made = connector()
    assert call("updateMerchant", merchant, body={"disabled": True}).json()["merchant"]["disabled"] is True
    assert _listed(call, "listConnectors", "connectors", merchant, made["guid"])["disabled"] is False
    assert _listed(call, "listMerchants", "merchants", TENANT_A, merchant)["disabled"] is True


def test_archiving_a_merchant_archives_and_disables_what_belongs_to_it(
    call, merchant, connector, user
) -> None:
    one, person = connector(), user()
    archived = call("updateMerchant", merchant, body={"archived": True}).json()["merchant"]
    assert (archived["archived"], archived["disabled"]) == (True, True)
    for operation, key, guid in (
        ("listConnectors", "connectors", one["guid"]),
        ("listMerchantUsers", "merchantUser", person["guid"]),
    ):
        found = _listed(call, operation, key, merchant, guid)
        assert (found["archived"], found["disabled"]) == (True, True)
    assert call.refused("updateMerchant", merchant, body={"disabled": False})[0] == 1006
    assert call.refused("updateConnector", one["guid"], body={"disabled": False})[0] == 1006
    assert call.refused("updateMerchantUser", person["guid"], body={"disabled": False})[0] == 1006


def test_unarchiving_takes_the_mark_off_and_leaves_everything_disabled(call, merchant, connector) -> None:
    made = connector()
    call("updateMerchant", merchant, body={"archived": True})
    call("updateMerchant", merchant, body={"archived": False})
    found = _listed(call, "listConnectors", "connectors", merchant, made["guid"])
    assert (found["archived"], found["disabled"]) == (False, True)
    assert call("updateConnector", made["guid"], body={"disabled": False}).status_code == 200


def test_a_merchant_may_be_created_archived(call) -> None:
    made = call("createMerchant", TENANT_A, body=_MERCHANT | {"archived": True}).json()["merchant"]
    assert (made["archived"], made["disabled"]) == (True, True)


def test_users_are_listed_under_a_singular_key_with_dates_without_offset(call, merchant, user) -> None:
    made = user(validUntil="2030-05-06T07:08:09+02:00")
    assert made["validUntil"] == "2030-05-06 05:08:09"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", made["createdAt"])
    assert made["passwordValidUntil"] == "2050-01-01 00:00:00"
    assert call("listMerchantUsers", merchant).json()["merchantUser"] == [made]


def test_no_answer_carries_a_users_password(call, merchant, user) -> None:
    made = user(password="Never-Shown-1234")
    listed = call("listMerchantUsers", merchant).text
    assert "Never-Shown" not in listed
    assert "password" not in made


def test_empty_maps_are_answered_as_lists(call, user, connector) -> None:
    assert user()["apiUserSettings"] == []
    assert user(apiUserSettings={})["apiUserSettings"] == []
    assert connector()["settings"] == []
    config = connector(config={"extraData": {}, "vault": {}})["config"]
    assert (config["extraData"], config["vault"]) == ([], [])


def test_permissions_and_access_overwrite_unless_added_or_removed(call, merchant, user) -> None:
    guid = user(permissions=["frontend.users.edit"], multiMerchantAccess=[MERCHANT_A])["guid"]
    changed = call(
        "updateMerchantUser",
        guid,
        body={
            "addPermissions": ["frontend.users.index", "frontend.users.create"],
            "removePermissions": ["frontend.users.edit"],
            "addMultiMerchantAccess": ["ME-4321-4321-4321-4321-4321-4321"],
            "removeMultiMerchantAccess": [MERCHANT_A],
        },
    ).json()["merchantUser"]
    assert changed["permissions"] == ["frontend.users.index", "frontend.users.create"]
    assert [link["guid"] for link in changed["merchantAccess"]] == [
        merchant,
        "ME-4321-4321-4321-4321-4321-4321",
    ]
    body = {"permissions": ["frontend.users.roles"], "multiMerchantAccess": []}
    changed = call("updateMerchantUser", guid, body=body).json()["merchantUser"]
    assert changed["permissions"] == ["frontend.users.roles"]
    assert changed["merchantAccess"] == [{"guid": merchant, "name": "Corner Shop"}]


def test_the_type_of_a_user_stays(call, user) -> None:
    guid = user(type="api")["guid"]
    assert call.refused("updateMerchantUser", guid, body={"type": "web"})[0] == 1006
    assert call.refused("updateMerchantUser", guid, body={"resetPassword": True})[0] == 1006
    assert call("updateMerchantUser", guid, body={"type": "api", "firstName": "Robo"}).status_code == 200


def test_a_username_is_unique_whatever_its_capitals(call, user, merchant) -> None:
    taken = user()["username"]
    body = {"type": "api", "username": taken.upper(), "password": "Example-Passw0rd!"}
    assert call.refused("createMerchantUser", merchant, body=body) == (1002, "username: already in use")
    assert call("updateMerchantUser", user()["guid"], body={"username": taken}).status_code == 422


def test_an_api_key_is_unique_to_the_letter(call, connector, merchant) -> None:
    taken = connector()
    body = {"name": "Other", "adapter": "Simulator", "method": "Paypal", "apiKey": taken["apiKey"]}
    assert call.refused("createConnector", merchant, body=body) == (1002, "apiKey: already in use")
    assert connector(apiKey=taken["apiKey"].upper())["apiKey"] == taken["apiKey"].upper()
    assert call("updateConnector", taken["guid"], body={"apiKey": taken["apiKey"]}).status_code == 200


@pytest.mark.parametrize("sent", [{}, {"sharedSecret": "", "publicIntegrationKey": ""}])
def test_secret_and_integration_key_are_generated_when_absent_or_empty(connector, sent) -> None:
    made = connector(**sent)
    assert re.fullmatch(r"[A-Za-z0-9]{30}", made["sharedSecret"])
    assert re.fullmatch(r"[A-Za-z0-9]{20}", made["publicIntegrationKey"])


def test_an_empty_secret_on_update_makes_a_new_one(call, connector) -> None:
    made = connector(sharedSecret="mine")
    assert made["sharedSecret"] == "mine"
    kept = call("updateConnector", made["guid"], body={"name": "Renamed"}).json()["connector"]
    assert kept["sharedSecret"] == "mine"
    replaced = call("updateConnector", made["guid"], body={"sharedSecret": ""}).json()["connector"]
    assert replaced["sharedSecret"] not in ("", "mine")


def test_lists_return_connector_secrets_in_plain_text(call, merchant, connector) -> None:
    made = connector(config={"password": "pw", "apiSecret": "sikret"}, sharedSecret="shared")
    found = _listed(call, "listConnectors", "connectors", merchant, made["guid"])
    secrets = found["sharedSecret"], found["config"]["password"], found["config"]["apiSecret"]
    assert secrets == ("shared", "pw", "sikret")


def test_settings_replace_while_config_merges(call, connector) -> None:
    made = connector(
        settings={"refund:ui-enabled": 1, "postback:send-on-pending": "1"},
        config={"username": "old", "password": "pw", "extraData": {"a": "1"}},
        disabledTransactionTypes=["payout"],
    )
    body = {"settings": {"batch-capture:time": "10:00"}, "config": {"username": "new"}}
    changed = call("updateConnector", made["guid"], body=body).json()["connector"]
    assert changed["settings"] == {"batch-capture:time": "10:00"}
    assert changed["config"] == {"username": "new", "password": "pw", "extraData": {"a": "1"}}
    assert changed["disabledTransactionTypes"] == ["payout"]
    body = {"addSettings": {"refund:ui-enabled": "1"}, "removeSettings": {"batch-capture:time": ""}}
    changed = call("updateConnector", made["guid"], body=body).json()["connector"]
    assert changed["settings"] == {"refund:ui-enabled": "1"}


def test_terminals_never_show_stan_and_capture_reference(call, connector) -> None:
    made = connector(terminals=[{"terminalId": "T-1", "stan": "000017", "captureRef": "42"}])
    assert made["terminals"] == [{"terminalId": "T-1", "disabled": False}]
    body = {"terminals": [{"terminalId": "T-2", "disabled": True}]}
    changed = call("updateConnector", made["guid"], body=body).json()["connector"]
    assert changed["terminals"] == [{"terminalId": "T-2", "disabled": True}]


def test_a_connector_keeps_its_kind(call, connector) -> None:
    target = connector()
    kind = {"defaultConnector": target["guid"]}
    meta = connector(adapter="MetaConnector", method="MetaConnector", routingMetaConnector=kind)
    assert (meta["isMetaConnector"], target["isMetaConnector"]) == (True, False)
    body = {"adapter": "MetaConnector", "method": "MetaConnector", "routingMetaConnector": {}}
    assert call.refused("updateConnector", target["guid"], body=body)[0] == 1006
    assert call.refused("updateConnector", target["guid"], body={"routingMetaConnector": {}})[0] == 1006
    assert call.refused("updateConnector", meta["guid"], body={"multiMethodMetaConnector": {}})[0] == 1006


@pytest.mark.parametrize(
    ("chosen", "extra", "refusal"),
    [
        ("AlpinePay Paypal", {"region": "mars"}, (1002, "region")),
        ("AlpinePay Paypal", {"region": 1}, (1001, "region")),
        ("HarbourBank Creditcard", {"endpoint": "host"}, (1001, "endpoint")),
        ("HarbourBank Creditcard", {"endpoint": {"security": "none"}}, (1002, "endpoint.security")),
        ("MeridianPsp Ideal", {"brands": [{"brand": "elo"}]}, (1002, "brands.0.brand")),
    ],
)
def test_adapter_fields_hold_what_their_descriptor_says(call, merchant, chosen, extra, refusal) -> None:
    adapter, method = chosen.split()
    body = {"name": "Own fields", "adapter": adapter, "method": method, "apiKey": "own-fields"}
    code, message = call.refused("createConnector", merchant, body=body | {"config": {"extraData": extra}})
    assert (code, message.split(":")[0].removeprefix("config.extraData.")) == refusal


def test_good_adapter_fields_are_kept(connector) -> None:
    extra = {"brands": [{"brand": "visa", "merchantId": "1"}], "accountCode": "A", "more": 1}
    made = connector(adapter="MeridianPsp", config={"extraData": extra})
    assert made["config"]["extraData"] == extra


def test_settings_descriptors_come_in_all_published_shapes(call) -> None:
    def base(adapter: str):
        return call("getConnectorSettings", adapter).json()["baseConfig"]

    assert base("Simulator")["name"] == "allowExpiredCards"
    assert isinstance(base("SimulatorPci"), list)
    assert base("CashLine") == {}
    assert base("MetaConnector") == {}
    types = {field["type"] for name in ("AlpinePay", "HarbourBank", "MeridianPsp") for field in base(name)}
    assert types >= {"select", "object", "array", "string"}


def test_a_vault_adapter_describes_its_three_d_secure_fields(call) -> None:
    answer = call("getConnectorSettingsVault", "SimulatorPci", MERCHANT_A).json()
    assert "threeDV2Config" in [field.get("name") for field in answer["vaultConfig"]]
    assert call("getConnectorSettingsVault", "CashLine", MERCHANT_A).json()["vaultConfig"] == {}


def test_every_answer_has_a_request_id_of_its_own(call) -> None:
    ids = {call("listTenants").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_mails_go_to_the_outbox(call, user, gateway) -> None:
    guid = user(sendInitialPassword=True, email="new.colleague@example.org")["guid"]
    call("updateMerchantUser", guid, body={"resetPassword": True})
    page = call.session.get(f"{gateway.root_url}/outbox/").text
    assert page.count(guid) == 2
    assert "new.colleague@example.org" in page
    assert "Reset your password" in page
