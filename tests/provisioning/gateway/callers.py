"""How the tests of the client call it: with canary credentials, for a read or a write."""

import base64
import ipaddress
import traceback

import pytest

from provisioning.gateway.client import GatewayClient
from provisioning.gateway.errors import OutcomeUnknown, ProvisioningError
from provisioning.gateway.network_policy import NetworkPolicy
from provisioning.gateway.requests import Call
from provisioning.gateway.responses import Answer
from provisioning.gateway.secrets import Sealed

HERE = NetworkPolicy((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")))
KEY, PASSWORD, PAYLOAD_SECRET = "canary-key", "canary-pässword", "canary-payload-secret"
CANARIES = (
    KEY,
    PASSWORD,
    PAYLOAD_SECRET,
    base64.b64encode(f"{KEY}:{PASSWORD}".encode()).decode(),
)
READ = Call("GET", "/listMerchants/{tenantGuid}", target="TE-1", result="merchants", large=True)
WRITE = Call(
    "POST",
    "/updateMerchant/{merchantGuid}",
    target="ME-1",
    payload={"name": "Rosa", "password": Sealed(PAYLOAD_SECRET)},
    result="merchant",
    fields=frozenset({"name", "password"}),
)


def client(
    url: str, *, deadline: float = 15.0, ca_file: str = "", network_policy: NetworkPolicy = HERE
) -> GatewayClient:
    """A client with the canary credential."""
    return GatewayClient(
        url, Sealed(KEY), Sealed(PASSWORD), deadline=deadline, ca_file=ca_file, network_policy=network_policy
    )


def failure(url: str, call: Call = WRITE, **options) -> ProvisioningError:
    """The error `call` ends in; checked to hold no secret in text, repr, traceback or chain."""
    with pytest.raises(ProvisioningError) as caught:
        client(url, **options).send(call)
    error = caught.value
    shown = [str(error), repr(error), error.detail, error.gateway_message, *map(str, vars(error).values())]
    shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    for canary in CANARIES:
        assert not any(canary in text for text in shown), canary
    assert error.__cause__ is None and error.__context__ is None
    assert str(error).endswith(".")
    return error


def unknown(url: str, call: Call = WRITE, **options) -> OutcomeUnknown:
    """The same, which must be OutcomeUnknown."""
    error = failure(url, call, **options)
    assert type(error) is OutcomeUnknown, error
    return error


def accepted(url: str, call: Call = READ, **options) -> Answer:
    """The accepted answer."""
    return client(url, **options).send(call)
