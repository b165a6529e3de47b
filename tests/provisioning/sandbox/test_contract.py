"""The gateway against the vendored contract: generated requests, and every published example."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

from provisioning.contract import contract_examples, contract_operations, document, published_examples
from tests.gateway import Gateway, gateway_started
from tests.provisioning.sandbox.conftest import (
    MERCHANT_A,
    MULTI_METHOD_CONNECTOR,
    ROUTING_CONNECTOR,
    TENANT_A,
    Caller,
)
from tests.provisioning.sandbox.documents import broken_documents, routing_documents

# Rules beyond the schemas (unknown entities, taken names, code lists) may refuse what the schemas accept.
_CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": ["200", "404", "422"]}}}
_SCHEMA = schemathesis.openapi.from_dict(document(), config=schemathesis.Config.from_dict(_CONFIG))
_OPERATIONS = {found.ok().definition.raw["operationId"]: found.ok() for found in _SCHEMA.get_all_operations()}
_EXAMPLES = [
    (operation, name) for operation in contract_operations() for name in contract_examples(operation)
]
_PUBLISHED = [
    (operation, name) for operation in contract_operations() for name in published_examples(operation)
]
_GENERATED = [
    (name, mode)
    for name, operation in sorted(_OPERATIONS.items())
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode == GenerationMode.POSITIVE or operation.body or operation.path_parameters
]
_KNOWN = {
    "tenantGuid": TENANT_A,
    "merchantGuid": MERCHANT_A,
    "merchantUserGuid": "US-1234-1234-1234-1234-1234-1234",
    "connectorGuid": "CO-4321-4321-4321-4321-4321-4321",
    "adapterId": "Simulator",
}


@pytest.fixture(scope="module")
def untouched_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of its own, for the examples: they want fresh seed data."""
    started = gateway_started(tmp_path_factory.mktemp("examples"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Another one: generated requests may change everything, and take the names of the examples."""
    started = gateway_started(tmp_path_factory.mktemp("contract"))
    yield started
    started.stop()


def test_the_contract_has_nineteen_operations() -> None:
    assert len(_OPERATIONS) == 19


@pytest.mark.parametrize(("operation_id", "name"), _EXAMPLES)
def test_every_example_of_the_contract_is_accepted(
    untouched_gateway: Gateway, operation_id: str, name: str
) -> None:
    body = contract_examples(operation_id)[name]
    response = Caller(untouched_gateway)(operation_id, *_path(operation_id), body=body)
    assert response.status_code == 200, response.text
    assert response.json()["success"] is True


@pytest.mark.parametrize(("operation_id", "name"), _PUBLISHED)
def test_every_body_published_with_slips_is_refused(
    own_gateway: Gateway, operation_id: str, name: str
) -> None:
    body = published_examples(operation_id)[name]
    code, message = Caller(own_gateway).refused(operation_id, *_path(operation_id), body=body)
    assert code == 1001
    assert message.split(":")[0] in ("createdAt", "ScheduleApiAvailable", "Adapter", "APIKey")


@pytest.mark.parametrize(("operation_id", "mode"), _GENERATED)
def test_generated_requests_find_no_deviation_from_the_contract(
    own_gateway: Gateway, operation_id: str, mode: GenerationMode
) -> None:
    operation = _OPERATIONS[operation_id]

    @seed(2026)
    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=_cases(operation_id, mode))
    def run(case: schemathesis.Case) -> None:
        if operation.body and not _negative_at(case, ParameterLocation.PATH):
            # Otherwise every generated body would end at "does not exist".
            case.path_parameters = _parameters(operation_id)
        # A case whose wrong part is the missing credential must not be given one.
        auth = None if _negative_at(case, ParameterLocation.HEADER) else own_gateway.auth
        case.call_and_validate(base_url=own_gateway.base_url, auth=auth, timeout=60)

    run()


def _cases(operation_id: str, mode: GenerationMode) -> st.SearchStrategy[schemathesis.Case]:
    """Schemathesis' cases; where it cannot follow the recursive rule trees, documents of our own making."""
    operation = _OPERATIONS[operation_id]
    if operation_id != "setConnectorRouting":
        return operation.as_strategy(generation_mode=mode)
    documents = routing_documents() if mode == GenerationMode.POSITIVE else broken_documents()
    return documents.map(
        lambda body: operation.Case(
            path_parameters=_parameters(operation_id), body=body, media_type="application/json"
        )
    )


def _negative_at(case: schemathesis.Case, location: ParameterLocation) -> bool:
    return bool(case.meta and case.meta.is_negative_at(location))


def _parameters(operation_id: str) -> dict[str, str]:
    connector = {"connectorGuid": _connector(operation_id)} if _connector(operation_id) else {}
    names = [part.strip("{}") for part in contract_operations()[operation_id].path.split("/")[2:]]
    return {name: (_KNOWN | connector)[name] for name in names}


def _path(operation_id: str) -> list[str]:
    return list(_parameters(operation_id).values())


def _connector(operation_id: str) -> str:
    if operation_id.endswith("MultiMethodRouting"):
        return MULTI_METHOD_CONNECTOR
    return ROUTING_CONNECTOR if operation_id.endswith("ConnectorRouting") else ""
