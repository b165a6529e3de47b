"""The documented bodies through the forms, as a script sends them, against a copy that got them directly.

Whatever the portal does on the way, the gateway must have in the end what the documented request leaves.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from provisioning import contract
from tests.conftest import PASSPHRASE
from tests.factories import unique
from tests.gateway import Gateway, gateway_started
from tests.journeys.example_script import Script

pytestmark = pytest.mark.usefixtures("committed_db")

OWN = {"guid", "createdAt", "username", "apiKey"}  # different for each of the two
SHOP = {"name": "Merchant A", "homepage": "https://www.example.org", "timezone": "UTC"}
REGULAR = contract.contract_examples("createConnector")["connectorCreateRegular"]
WEB = contract.contract_examples("createMerchantUser")["merchantUserCreateWeb"]


class Direct:
    """The gateway without the portal: what a documented request does, and what is there afterwards."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def call(self, operation: str, target: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One documented request; its answer."""
        url = f"{self.gateway.base_url}/{operation}" + (f"/{target}" if target else "")
        method = "GET" if body is None else "POST"
        answer = requests.request(method, url, json=body, auth=self.gateway.auth, timeout=60).json()
        assert answer["success"], answer
        return answer

    def created(self, operation: str, parent: str, body: dict[str, Any]) -> str:
        """The guid of what a documented create made."""
        answer = self.call(operation, parent, body)
        return next(value["guid"] for value in answer.values() if isinstance(value, dict))

    def stored(self, operation: str, parent: str, guid: str) -> dict[str, Any]:
        """One entity as the gateway lists it."""
        answer = self.call(operation, parent)
        listed = next(value for value in answer.values() if isinstance(value, list))
        return next(entity for entity in listed if entity["guid"] == guid)

    def merchant(self) -> str:
        """A merchant of its own."""
        return self.created("createMerchant", self.gateway.own_tenant, SHOP)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One of its own: a script finds what it just made among few, as on a quiet gateway."""
    started = gateway_started(tmp_path_factory.mktemp("journeys"))
    yield started
    started.stop()


@pytest.fixture
def direct(gateway: Gateway) -> Direct:
    """The gateway, spoken to directly."""
    return Direct(gateway)


@pytest.fixture
def script(live_server: Any, connection: Any, person: Any) -> Script:
    """A support agent's script, signed in through the form."""
    person("ana", "Support agent", PASSPHRASE)
    made = Script(live_server.url)
    made.sign_in("ana", PASSPHRASE)
    return made


def alike(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Check that both are the same except for what must differ."""
    one, other = ({name: value for name, value in twin.items() if name not in OWN} for twin in (left, right))
    assert one == other


def test_merchant_create_full(script: Script, direct: Direct, gateway: Gateway) -> None:
    body = contract.contract_examples("createMerchant")["merchantCreateFull"]
    guid = script.create(f"/sandbox/merchants/new/?tenant={gateway.own_tenant}", body)
    stored = direct.stored("listMerchants", gateway.own_tenant, guid)
    assert {name: stored.get(name) for name in body} == body
    twin = direct.created("createMerchant", gateway.own_tenant, body)
    alike(stored, direct.stored("listMerchants", gateway.own_tenant, twin))


def test_merchant_update_disable(script: Script, direct: Direct, gateway: Gateway) -> None:
    body = contract.contract_examples("updateMerchant")["merchantUpdateDisable"]
    mine, twin = direct.merchant(), direct.merchant()
    script.edit(f"/sandbox/merchants/{mine}/edit/", **body)
    direct.call("updateMerchant", twin, body)
    stored = direct.stored("listMerchants", gateway.own_tenant, mine)
    assert {name: stored[name] for name in body} == body
    alike(stored, direct.stored("listMerchants", gateway.own_tenant, twin))


@pytest.mark.parametrize("name", ["merchantUserCreateWeb", "merchantUserCreateApi"])
def test_merchant_user_create(name: str, script: Script, direct: Direct) -> None:
    body = contract.contract_examples("createMerchantUser")[name]
    merchant = direct.merchant()
    mine = {**body, "username": f"{body['username']}.{unique()}"}
    guid = script.create(f"/sandbox/merchants/{merchant}/users/new/?type={body['type']}", mine)
    stored = direct.stored("listMerchantUsers", merchant, guid)
    answered = set(body) & set(stored) - {"permissions"}
    assert {key: stored[key] for key in answered} == {key: mine[key] for key in answered}
    twin = direct.created("createMerchantUser", merchant, {**body, "username": f"twin.{unique()}"})
    alike(stored, direct.stored("listMerchantUsers", merchant, twin))


def test_merchant_user_update_partial(script: Script, direct: Direct) -> None:
    body = contract.contract_examples("updateMerchantUser")["merchantUserUpdatePartial"]
    merchant = direct.merchant()
    mine, twin = (
        direct.created("createMerchantUser", merchant, {**WEB, "username": f"user.{unique()}"}) for _ in "ab"
    )
    assert "frontend.blacklist.edit" in WEB["permissions"]
    script.edit(
        f"/sandbox/users/{mine}/edit/",
        username=f"{body['username']}.{unique()}",
        firstName=body["firstName"],
        lastName=body["lastName"],
        multiMerchantAccess=body["multiMerchantAccess"],
        permissions=[name for name in WEB["permissions"] if name not in body["removePermissions"]],
        sendInitialPassword=True,
    )
    direct.call("updateMerchantUser", twin, {**body, "username": f"twin.{unique()}"})
    stored = direct.stored("listMerchantUsers", merchant, mine)
    assert (stored["firstName"], stored["lastName"]) == ("Jon", "Toe")
    assert [link["guid"] for link in stored["merchantAccess"]] == [merchant]
    alike(stored, direct.stored("listMerchantUsers", merchant, twin))


@pytest.mark.parametrize("name", ["connectorCreateRegular", "connectorCreate3ds"])
def test_connector_create(name: str, script: Script, direct: Direct) -> None:
    body = contract.contract_examples("createConnector")[name]
    merchant = direct.merchant()
    mine = {**body, "apiKey": f"mine-{unique()}"}
    guid = script.create(f"/sandbox/merchants/{merchant}/connectors/new/", mine)
    stored = direct.stored("listConnectors", merchant, guid)
    twin = direct.created("createConnector", merchant, {**body, "apiKey": f"twin-{unique()}"})
    wanted = direct.stored("listConnectors", merchant, twin)
    wanted["config"].setdefault("testMode", False)  # a box of the form is ticked or not, never unsaid
    alike(stored, wanted)


@pytest.mark.parametrize("name", ["connectorUpdatePartial", "connectorUpdateAddRemoveSettings"])
def test_connector_update(name: str, script: Script, direct: Direct) -> None:
    body = contract.contract_examples("updateConnector")[name]
    merchant = direct.merchant()
    mine, twin = (
        direct.created("createConnector", merchant, {**REGULAR, "apiKey": f"key-{unique()}"}) for _ in "ab"
    )
    wanted = {**REGULAR["settings"], **body.get("addSettings", {})}
    wanted = {key: value for key, value in wanted.items() if key not in body.get("removeSettings", {})}
    fields = {key: value for key, value in body.items() if key not in ("addSettings", "removeSettings")}
    renamed = {"apiKey": f"mine-{unique()}"} if "apiKey" in body else {}
    script.edit(f"/sandbox/connectors/{mine}/edit/", **{"settings": wanted, **fields, **renamed})
    direct.call("updateConnector", twin, {**body, **({"apiKey": f"twin-{unique()}"} if renamed else {})})
    alike(direct.stored("listConnectors", merchant, mine), direct.stored("listConnectors", merchant, twin))


def test_tenant_update_typical(script: Script, direct: Direct) -> None:
    body = contract.contract_examples("updateTenant")["tenantUpdateTypical"]
    guid = "TE-1234-1234-1234-1234-1234-1234"
    direct.call("updateTenant", guid, {"name": "Before", "mailSenderName": "Before"})
    script.edit(f"/sandbox/tenants/{guid}/edit/", **body)
    stored = direct.stored("listTenants", "", guid)
    assert {name: stored[name] for name in body} == body


def test_a_script_that_posts_an_unknown_field_gets_an_error(script: Script, direct: Direct) -> None:
    merchant = direct.merchant()
    path = f"/sandbox/merchants/{merchant}/connectors/new/"
    body = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": f"key-{unique()}"}
    seen = script.form(path, "submission")
    page = script.post(path, {"submission": seen["submission"], **body, "username": "shop"}, seen=seen)
    assert page.status_code == 422
    assert "Did you mean “config.username”?" in page.text
    assert direct.call("listConnectors", merchant)["connectors"] == []
