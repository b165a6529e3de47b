"""Values that the gateway itself has shown may be sent back, others only if the contract knows them."""

import pytest

from provisioning.gateway.errors import NotSent
from provisioning.gateway.secrets import MASK
from provisioning.operations import get_operation
from provisioning.payloads import validate_payload

STORED = {
    "disabledTransactionTypes": ["payout", "incremental_authorization"],
    "postbackFormat": "xml-2",
    "type": "service",
    "apiUserSettings": {"push-api": True, "beta-api": True},
    "terminals": [{"terminalId": "T1"}, {"terminalId": "T2", "model": "V200", "shops": [7], "pin": MASK}],
}


def check(operation, body, stored=STORED):
    validate_payload(get_operation(operation), body, stored=stored)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("connector.update", {"disabledTransactionTypes": ["refund", "incremental_authorization"]}),
        ("merchant.update", {"name": "Shop", "disabledTransactionTypes": ["incremental_authorization"]}),
        ("connector.update", {"postbackFormat": "xml-2"}),
        ("merchant_user.update", {"type": "service", "firstName": "Zoe"}),
        ("merchant_user.update", {"type": "api", "apiUserSettings": {"push-api": False, "beta-api": True}}),
        (
            "connector.update",
            {"terminals": [{"terminalId": "T2", "model": "V200", "shops": [7], "pin": "1"}]},
        ),
    ],
)
def test_the_gateways_own_values_may_be_sent_back(operation, body):
    check(operation, body)
    with pytest.raises(NotSent):
        check(operation, body, stored={})


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("connector.update", {"disabledTransactionTypes": ["incremental_authorization", "invented"]}),
        ("connector.update", {"postbackFormat": "xml-3"}),
        ("merchant_user.update", {"type": "api", "apiUserSettings": {"beta-api": False}}),
        ("merchant_user.update", {"type": "api", "apiUserSettings": {"beta-api": True, "more": 1}}),
        ("connector.update", {"invented": 1}),
        ("connector.update", {"terminals": [{"terminalId": "T2", "model": "P400"}]}),
        ("connector.update", {"terminals": [{"terminalId": "T2", "model": "V200", "more": 1}]}),
    ],
)
def test_what_neither_the_contract_nor_the_gateway_knows_is_not_sent(operation, body):
    with pytest.raises(NotSent):
        check(operation, body)
