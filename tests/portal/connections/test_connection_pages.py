"""The connections' pages against the embedded gateway: who sees what, and how a credential is reset."""

import socket

import pytest
from django.urls import reverse

from portal.audit.models import Event
from portal.connections.services import Failure, _failure
from provisioning.connections.models import Connection, Credential
from provisioning.connections.services import connection_create, credential_active, credential_reset
from provisioning.gateway.errors import Refused
from tests.gateway import Gateway

PAGE = "/connections/staging/"
RESET = "/connections/staging/reset/"


@pytest.fixture
def staging(db: None, gateway: Gateway) -> Connection:
    """A connection to the running gateway with a credential that it does not know."""
    made = connection_create(slug="staging", name="Staging", base_url=gateway.base_url, tenant_guid="TE-1")
    credential_reset(connection=made, api_key="old-key-0001", password="old-password-0001", by="Otto")
    return made


def actions() -> list[tuple[str, str]]:
    """Action and outcome of all events, oldest first."""
    return list(Event.objects.order_by("sequence").values_list("action", "outcome"))


def opened(connection: Connection) -> tuple[str, str]:
    """The stored pair in clear."""
    return tuple(sealed.reveal() for sealed in credential_active(connection=connection))


def test_everybody_with_a_role_sees_the_connections_but_no_value(staging, agent, client_of) -> None:
    listed = client_of(agent).get(reverse("connections:list"))
    page = client_of(agent).get(PAGE)
    assert listed.status_code == page.status_code == 200
    credential = staging.credentials.get()
    for text in ("Staging", staging.base_url, "TE-1", credential.api_key_fingerprint, "Otto"):
        assert text in page.content.decode()
    for secret in ("old-key-0001", "old-password-0001", credential.sealed_password):
        assert secret not in page.content.decode() + listed.content.decode()
    assert RESET not in page.content.decode()


def test_a_connection_without_credential_says_so(db, agent, client_of) -> None:
    connection_create(slug="bare", name="Bare", base_url="https://bare.example.com/api")
    assert "No credential is stored" in client_of(agent).get("/connections/bare/").content.decode()
    assert "missing" in client_of(agent).get("/connections/").content.decode()


def test_an_empty_list_says_what_a_connection_is(db, admin, client_of) -> None:
    assert "No connection yet" in client_of(admin).get("/connections/").content.decode()


def test_an_unknown_connection_is_not_found(db, admin, client_of) -> None:
    assert client_of(admin).get("/connections/nowhere/").status_code == 404
    assert client_of(admin).post("/connections/nowhere/reset/", {}).status_code == 404


@pytest.mark.parametrize("name", ["agent", "manager", "outsider"])
def test_only_an_admin_resets_a_credential(name, staging, request, client_of) -> None:
    client = client_of(request.getfixturevalue(name))
    assert client.get(RESET).status_code == 403
    assert client.post(RESET, {"api_key": "k", "password": "p"}).status_code == 403
    assert opened(staging) == ("old-key-0001", "old-password-0001")


def test_an_accepted_credential_is_active_at_once_and_on_record(staging, gateway, admin, client_of) -> None:
    client = client_of(admin)
    assert RESET in client.get(PAGE).content.decode()
    assert client.get(RESET).status_code == 200
    answer = client.post(RESET, {"api_key": gateway.api_key, "password": gateway.password}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "Version 2 is in use now" in answer.content.decode()
    assert opened(staging) == (gateway.api_key, gateway.password)
    assert gateway.password not in answer.content.decode()
    assert actions() == [("credential.tested", "accepted"), ("credential.reset", "accepted")]
    assert gateway.password not in str(list(Event.objects.values()))
    assert Credential.objects.get(connection=staging, version=1).sealed_password == ""


def test_a_wrong_password_changes_nothing_and_is_not_echoed(staging, gateway, admin, client_of) -> None:
    answer = client_of(admin).post(RESET, {"api_key": gateway.api_key, "password": "wrong-password-0002"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "does not accept this API key and password" in text
    assert "The old credential stays in use" in text
    assert "wrong-password-0002" not in text
    assert gateway.api_key not in text
    assert opened(staging) == ("old-key-0001", "old-password-0001")
    assert actions() == [("credential.tested", "refused")]


def test_an_unreachable_gateway_is_told_apart_from_a_wrong_password(staging, admin, client_of) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        Connection.objects.update(base_url=f"http://127.0.0.1:{held.getsockname()[1]}/api")
        answer = client_of(admin).post(RESET, {"api_key": "new-key", "password": "new-password"})
    assert "Nothing reached the gateway" in answer.content.decode()
    assert actions() == [("credential.tested", "not_sent")]


def test_a_bad_copy_is_found_before_anything_is_sent(staging, admin, client_of) -> None:
    answer = client_of(admin).post(RESET, {"api_key": "ke:y", "password": " pasted"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "holds a colon" in text
    assert "begins or ends with a blank" in text
    assert "pasted" not in text
    assert actions() == []


def test_without_a_usable_key_the_old_credential_stays(staging, gateway, admin, client_of, settings) -> None:
    settings.PORTAL_ENCRYPTION_KEYS = "broken"
    answer = client_of(admin).post(RESET, {"api_key": gateway.api_key, "password": gateway.password})
    assert answer.status_code == 503
    assert "The old credential stays in use" in answer.content.decode()
    assert Credential.objects.filter(connection=staging).count() == 1


def test_another_refusal_is_not_called_a_wrong_password() -> None:
    failure = _failure(Refused("no", code=1005))
    assert isinstance(failure, Failure)
    assert "knows the credential" in failure.happened
