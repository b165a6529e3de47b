"""What every test of the embedded gateway needs: a caller and entities of its own."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import requests

from provisioning.contract import contract_operations, validator
from tests.gateway import Gateway

TENANT_A = "TE-1234-1234-1234-1234-1234-1234"
MERCHANT_A = "ME-1234-1234-1234-1234-1234-1234"
ROUTING_CONNECTOR = "CO-2222-2222-2222-2222-2222-2222"
MULTI_METHOD_CONNECTOR = "CO-3333-3333-3333-3333-3333-3333"
_numbers = count(1)


class Caller:
    """Calls operations by name; every answer of 200 is held against its response schema."""

    def __init__(self, gateway: Gateway, auth: tuple[str, str] | None = None) -> None:
        self.gateway = gateway
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = auth or gateway.auth

    def __call__(self, operation_id: str, *path: str, body: Any = None, **more: Any) -> requests.Response:
        """Sends one request; `path` fills the path's parameters in order, `body` is sent as JSON."""
        spec = contract_operations()[operation_id]
        url = self.gateway.base_url + "/" + "/".join([spec.path.split("/")[1], *path])
        more = {"json": body} | more if body is not None else more
        response = self.session.request(spec.method, url, timeout=30, **more)
        if response.status_code == 200 and "X-Sandbox-Fault" not in more.get("headers", {}):
            assert not list(validator(spec.response_schema).iter_errors(response.json()))
        return response

    def refused(self, operation_id: str, *path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Code and message of a request that must be refused with 422."""
        response = self(operation_id, *path, body=body, **more)
        assert response.status_code == 422, response.text
        refusal = response.json()
        assert refusal["success"] is False
        return refusal["errorCode"], refusal["errorMessage"]


@pytest.fixture(scope="session")
def call(gateway: Gateway) -> Caller:
    """A caller with the key of the own tenant."""
    return Caller(gateway)


@pytest.fixture
def fresh() -> Callable[[str], str]:
    """Names nobody else has taken: fresh("user") → user-17."""
    return lambda stem: f"{stem}-{next(_numbers)}"


@pytest.fixture
def merchant(call: Caller) -> str:
    """GUID of a new merchant of tenant A."""
    body = {"name": "Corner Shop", "homepage": "https://shop.example.org", "timezone": "UTC"}
    return call("createMerchant", TENANT_A, body=body).json()["merchant"]["guid"]


@pytest.fixture
def connector(call: Caller, merchant: str, fresh: Callable[[str], str]) -> Callable[..., dict[str, Any]]:
    """Makes a connector of the merchant: connector(method="Paypal") returns it as answered."""

    def make(**fields: Any) -> dict[str, Any]:
        body = {"name": "Simulator", "adapter": "Simulator", "method": "Creditcard", "apiKey": fresh("key")}
        return call("createConnector", merchant, body=body | fields).json()["connector"]

    return make


@pytest.fixture
def user(call: Caller, merchant: str, fresh: Callable[[str], str]) -> Callable[..., dict[str, Any]]:
    """Makes a user of the merchant: user(type="api") returns it as answered."""

    def make(**fields: Any) -> dict[str, Any]:
        body = {"type": "web", "username": fresh("user"), "password": "Example-Passw0rd!"}
        if fields.get("type") != "api":
            body["email"] = "user@example.org"
        return call("createMerchantUser", merchant, body=body | fields).json()["merchantUser"]

    return make
