"""Every answer the contract documents, contradictory ones included, is understood by the service."""

import json

import pytest

from provisioning import contract, service
from provisioning.credentials.credential_lifecycle import replace_credential
from provisioning.credentials.services import create_connection
from provisioning.operations import OPERATIONS
from tests.provisioning.gateway.wire import says, wire

pytestmark = pytest.mark.django_db
STATUS = {"default": 418}


def _documented():
    """(operation, status, name of the example, its value) for all answers of the contract."""
    for operation in OPERATIONS.values():
        spec = operation.spec
        responses = contract.document()["paths"][spec.path][spec.method.lower()]["responses"]
        for status, answer in responses.items():
            content = contract.reader.resolve(answer)["content"]["application/json"]
            for name, example in content.get("examples", {}).items():
                yield operation, status, name, contract.reader.resolve(example)["value"]


DOCUMENTED = list(_documented())
ACCEPTED = [case for case in DOCUMENTED if case[1] == "200"]
REFUSED = [case for case in DOCUMENTED if case[1] != "200"]


def _name(case):
    operation, status, name, _ = case
    return f"{operation.operation_id}-{status}-{name}"


@pytest.fixture
def answering(db):
    """Makes the connection “wire” to a server that gives one answer."""

    def run(value, status, call):
        with wire(says(json.dumps(value), status=f"{status} Answer")) as server:
            made = create_connection(slug="wire", name="Wire", base_url=server.url)
            replace_credential(connection=made, api_key="key", password="password", by="tests")
            return call()

    return run


def _payload(operation):
    return next(iter(contract.contract_examples(operation.operation_id).values()))


def _called(operation, guid="X"):
    if operation.writes:
        target = guid if "{" in operation.spec.path else ""
        return service.perform(operation.name, connection="wire", target=target, payload=_payload(operation))
    return service.read_document(operation.name, connection="wire", target="X", second="Y")


def _guid(operation, value):
    shown = value.get(operation.result)
    shown = shown[-1] if isinstance(shown, list) else shown
    return shown.get("guid", "X") if isinstance(shown, dict) else "X"


@pytest.mark.parametrize("case", ACCEPTED, ids=_name)
def test_every_documented_acceptance_is_accepted(case, answering):
    operation, _, _, value = case
    guid = _guid(operation, value)
    outcome = answering(value, 200, lambda: _called(operation, guid))
    if not operation.writes:
        assert outcome.keys() == value.keys()
        return
    assert isinstance(outcome, service.Accepted), outcome
    assert outcome.answer.keys() == value.keys()
    if operation.kind in {"tenant", "merchant", "merchant_user", "connector"}:
        assert outcome.entity.guid == guid and outcome.entity.kind == operation.kind


@pytest.mark.parametrize("case", REFUSED, ids=_name)
def test_every_documented_refusal_is_read_as_one(case, answering):
    operation, status, _, value = case

    def call():
        try:
            return _called(operation)
        except service.ProvisioningError as error:
            return error

    outcome = answering(value, STATUS.get(status, status), call)
    if status == "500":
        assert isinstance(outcome, service.OutcomeUnknown)
    else:
        assert isinstance(outcome, service.Refused), outcome
    assert outcome.code == value["errorCode"] and outcome.gateway_message == value["errorMessage"]


@pytest.mark.parametrize("case", [case for case in ACCEPTED if case[0].name.endswith(".list")], ids=_name)
def test_every_documented_list_becomes_entities_without_secrets(case, answering):
    operation, _, _, value = case
    place = {"connection": "wire", "kind": operation.kind, "parent": "XX-1"}
    entities = answering(value, 200, lambda: service.list_entities(**place))
    assert [entity.guid for entity in entities] == [item["guid"] for item in value[operation.result]]
    for entity in entities:
        assert entity.name and isinstance(entity.disabled, bool) and isinstance(entity.archived, bool)
        assert not any(secret in repr(entity) for secret in _secret_texts(operation, value))


def _secret_texts(operation, value):
    for path in operation.response_secrets:
        found = [value]
        for key in path:
            found = [
                child
                for node in found
                for child in (node if key == "*" else [node[key]] if key in node else [])
            ]
        yield from (text for text in found if isinstance(text, str) and text)


@pytest.mark.parametrize(
    "value",
    [
        {"success": True},
        {"success": True, "merchants": None},
        {"success": True, "merchants": {"guid": "ME-1"}},
        {"success": True, "merchants": "ME-1"},
    ],
)
def test_a_list_that_cannot_be_trusted_whole_is_not_shown_in_part(value, answering):
    with pytest.raises(service.OutcomeUnknown, match="could not be read"):
        answering(
            value, 200, lambda: service.list_entities(connection="wire", kind="merchant", parent="TE-1")
        )


@pytest.mark.parametrize("shown", [None, {}, [], {"guid": ""}, {"guid": "ME-other"}, "text", {"guid": 5}])
def test_a_success_that_does_not_show_the_entity_is_accepted_without_one(shown, answering):
    def call():
        return service.perform("merchant.update", connection="wire", target="ME-1", payload={"name": "Rosa"})

    outcome = answering({"success": True, "merchant": shown}, 200, call)
    assert isinstance(outcome, service.Accepted) and outcome.entity is None
