"""A credential is reset, never shown; it opens in its own row alone and works at once."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone

from provisioning import service
from provisioning.connections import channel
from provisioning.connections.models import Connection, Credential
from provisioning.connections.services import (
    CredentialMissingError,
    connection_create,
    credential_active,
    credential_note,
    credential_reset,
)
from provisioning.keyring import KeyringError

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def office(db):
    """A connection without credential."""
    return connection_create(slug="office", name="Office", base_url="https://gateway.example.org/api")


def _reset(connection, number=1):
    return credential_reset(
        connection=connection, api_key=f"key-{number}", password=f"canary-{number}", by="Ada Admin"
    )


def test_the_active_credential_opens_sealed(office):
    stored = _reset(office)
    api_key, password = credential_active(connection=office)
    assert (api_key.reveal(), password.reveal()) == ("key-1", "canary-1")
    assert stored.version == 1 and stored.created_by == "Ada Admin" and str(stored) == "office v1 (active)"
    row = Credential.objects.values().get()
    assert "canary-1" not in str(row) and "key-1" not in str(row)


def test_a_reset_leaves_one_active_version_and_no_secret_of_the_others(office):
    for number in (1, 2, 3):
        _reset(office, number)
    assert list(Credential.objects.values_list("version", "state")) == [
        (3, "active"), (2, "previous"), (1, "revoked"),
    ]  # fmt: skip
    assert credential_active(connection=office)[1].reveal() == "canary-3"
    assert set(
        Credential.objects.exclude(state="active").values_list("sealed_api_key", "sealed_password")
    ) == {("", "")}


def test_the_database_itself_allows_one_active_credential(office):
    stored = _reset(office)
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(connection=office, version=9, state="active")
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(connection=office, version=stored.version, state="revoked")


def test_a_connection_without_credential_sends_nothing(office):
    with pytest.raises(CredentialMissingError):
        credential_active(connection=office)
    with pytest.raises(service.NotSent, match="No API key"):
        service.tenant_list(connection="office")


@pytest.mark.parametrize("field", ["sealed_api_key", "sealed_password"])
def test_a_token_copied_from_another_row_or_field_is_never_sent(office, field):
    other = connection_create(slug="other", name="Other", base_url="https://gateway.example.org")
    stored, foreign = _reset(office), _reset(other, 2)
    other_field = {"sealed_api_key": "sealed_password", "sealed_password": "sealed_api_key"}[field]
    for token in (getattr(foreign, field), getattr(stored, other_field), "", "v1.x"):
        Credential.objects.filter(pk=stored.pk).update(**{field: token})
        with pytest.raises(KeyringError):
            credential_active(connection=office)
        with pytest.raises(service.NotSent, match="cannot be used"):
            service.tenant_list(connection="office")


@pytest.mark.parametrize(
    ("api_key", "password", "said"),
    [
        ("", "canary", "API key is empty"),
        ("key", "", "password is empty"),
        ("key ", "canary", "API key begins or ends"),
        ("key", "canary\n", "password begins or ends"),
        ("key", "\tcanary", "password begins or ends"),
        ("key", "can\nary", "password holds a line break"),
        ("key", "can\x00ary", "invisible"),
        ("key", "can\u200bary", "invisible"),
        ("key", "c" * 501, "longer"),
        ("k:ey", "canary", "colon"),
    ],
)
def test_a_bad_paste_is_refused_in_words_and_nothing_is_stripped(office, api_key, password, said):
    with pytest.raises(ValueError, match=said) as caught:
        credential_reset(connection=office, api_key=api_key, password=password, by="Ada")
    assert "canary" not in str(caught.value)
    assert not Credential.objects.exists()


def test_the_use_is_noted_at_most_once_a_minute(office, django_assert_num_queries):
    stored = _reset(office)
    credential_note(credential=stored, accepted=False)
    stored.refresh_from_db()
    assert stored.last_failure_at and not stored.last_success_at
    with django_assert_num_queries(0):
        credential_note(credential=stored, accepted=False)
    stored.last_failure_at = timezone.now() - timedelta(seconds=61)
    credential_note(credential=stored, accepted=False)
    assert Credential.objects.get().last_failure_at > stored.last_failure_at


def test_a_database_that_fails_while_noting_changes_no_outcome(connection, gateway, monkeypatch):
    def fails(**_):
        raise DatabaseError("locked")

    monkeypatch.setattr(channel, "credential_note", fails)
    payload = {"name": "Rosa", "homepage": "https://rosa.example.org", "timezone": "UTC"}
    made = service.perform(
        "merchant.create", connection="sandbox", target=gateway.own_tenant, payload=payload
    )
    assert isinstance(made, service.Accepted)


def test_a_database_that_fails_before_sending_is_not_sent(connection, monkeypatch):
    def fails(**_):
        raise DatabaseError("locked")

    monkeypatch.setattr(channel, "credential_current", fails)
    with pytest.raises(service.NotSent, match="could not be read"):
        service.tenant_list(connection="sandbox")


def test_resets_at_the_same_time_leave_one_active_version(committed_db):
    office = connection_create(slug="office", name="Office", base_url="https://gateway.example.org")

    def reset(number):
        _reset(office, number)
        connections.close_all()

    threads = [threading.Thread(target=reset, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Credential.objects.filter(state="active").count() == 1
    assert sorted(Credential.objects.values_list("version", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_connections_are_listed_by_slug(office):
    connection_create(slug="a-first", name="A", base_url="https://gateway.example.org")
    assert [connection.slug for connection in Connection.objects.all()] == ["a-first", "office"]
    assert str(Connection.objects.get(slug="office")) == "Office"
