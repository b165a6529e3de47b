"""A credential is reset, never shown; it opens in its own row alone and works at once."""

import threading
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone

from provisioning import service
from provisioning.credentials import sending
from provisioning.credentials.credential_health import mark_suspect
from provisioning.credentials.credential_lifecycle import (
    InvalidCredentialState,
    activate_credential,
    add_credential,
    find_expired_credentials,
    record_test_result,
    replace_credential,
    revoke_all_credentials,
    revoke_credential,
    roll_back_credential,
)
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import (
    CredentialMissingError,
    create_connection,
    decrypt_active_credential,
    record_credential_use,
)
from provisioning.encryption import KeyringError

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def office(db):
    """A connection without credential."""
    return create_connection(slug="office", name="Office", base_url="https://gateway.example.org/api")


def _reset(connection, number=1):
    return replace_credential(
        connection=connection, api_key=f"key-{number}", password=f"canary-{number}", by="Ada Admin"
    )


def test_the_active_credential_opens_sealed(office):
    stored = _reset(office)
    api_key, password = decrypt_active_credential(connection=office)
    assert (api_key.reveal(), password.reveal()) == ("key-1", "canary-1")
    assert stored.version == 1 and stored.created_by == "Ada Admin" and str(stored) == "office v1 (active)"
    row = Credential.objects.values().get()
    assert "canary-1" not in str(row) and "key-1" not in str(row)


def states() -> list[tuple[int, str]]:
    return list(Credential.objects.values_list("version", "state"))


def test_a_reset_leaves_one_active_version_and_one_to_go_back_to(office):
    for number in (1, 2, 3):
        _reset(office, number)
    assert states() == [(3, "active"), (2, "previous"), (1, "revoked")]
    assert decrypt_active_credential(connection=office)[1].reveal() == "canary-3"
    first = Credential.objects.get(version=1)
    assert (first.sealed_api_key, first.sealed_password, first.revoked_by) == ("", "", "Ada Admin")
    assert first.password_fingerprint


def test_a_version_is_entered_tested_and_activated_in_this_order(office):
    _reset(office)
    entered = add_credential(connection=office, api_key="key-2", password="canary-2", by="Bea")
    with pytest.raises(InvalidCredentialState, match="Version 2 is now “not tested”"):
        activate_credential(credential=entered, by="Bea")
    assert record_test_result(credential=entered, problem="credential").state == "new"
    tested = record_test_result(credential=entered, problem="")
    assert decrypt_active_credential(connection=office)[1].reveal() == "canary-1"
    activate_credential(credential=tested, by="Cleo")
    assert decrypt_active_credential(connection=office)[1].reveal() == "canary-2"
    active = Credential.objects.get(state="active")
    assert (active.created_by, active.activated_by, active.test_problem) == ("Bea", "Cleo", "")


def test_going_back_makes_both_change_places_until_the_time_is_over(office, settings):
    first, second = _reset(office, 1), _reset(office, 2)
    roll_back_credential(credential=first, by="Ada")
    assert states() == [(2, "previous"), (1, "active")]
    assert decrypt_active_credential(connection=office)[1].reveal() == "canary-1"
    settings.CREDENTIAL_ROLLBACK_HOURS = 0
    with pytest.raises(InvalidCredentialState, match="expired after 0 hours"):
        roll_back_credential(credential=second, by="Ada")
    assert [outdated.version for outdated in find_expired_credentials()] == [2]


def test_what_was_revoked_is_destroyed_and_stays_so(office):
    first, _ = _reset(office, 1), _reset(office, 2)
    revoke_credential(credential=first, by="Ada")
    row = Credential.objects.get(version=1)
    assert (row.state, row.sealed_api_key, row.sealed_password) == ("revoked", "", "")
    for step in (roll_back_credential, activate_credential, revoke_credential):
        with pytest.raises(InvalidCredentialState, match="“revoked”"):
            step(credential=first, by="Ada")
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.filter(version=1).update(sealed_password="v1.kept")
    with pytest.raises(InvalidCredentialState, match="“active”"):
        revoke_credential(credential=Credential.objects.get(version=2), by="Ada")


def test_revoking_everything_leaves_no_value_at_all(office):
    for number in (1, 2, 3):
        _reset(office, number)
    add_credential(connection=office, api_key="key-4", password="canary-4", by="Ada")
    assert [row.version for row in revoke_all_credentials(connection=office, by="Ada")] == [4, 3, 2]
    assert {state for _, state in states()} == {"revoked"}
    with pytest.raises(CredentialMissingError):
        decrypt_active_credential(connection=office)


def test_a_second_version_on_its_way_replaces_the_first_and_says_whose_it_is(office):
    mine = add_credential(connection=office, api_key="key-1", password="canary-1", by="Ada")
    theirs = add_credential(connection=office, api_key="key-2", password="canary-2", by="Bea")
    with pytest.raises(InvalidCredentialState, match="Bea has entered version 2 in the meantime"):
        record_test_result(credential=mine, problem="")
    activate_credential(credential=record_test_result(credential=theirs, problem=""), by="Bea")
    assert states() == [(2, "active"), (1, "revoked")]


def test_an_abandoned_version_is_not_kept_for_ever(office, settings):
    add_credential(connection=office, api_key="key-1", password="canary-1", by="Ada")
    assert find_expired_credentials() == []
    Credential.objects.update(created_at=timezone.now() - timedelta(hours=73))
    assert len(find_expired_credentials()) == 1


def test_the_database_itself_allows_one_active_credential(office):
    stored = _reset(office)
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(connection=office, version=9, state="active")
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(connection=office, version=stored.version, state="revoked")
    Credential.objects.create(connection=office, version=10, state="new")
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(connection=office, version=11, state="tested")


def test_a_connection_without_credential_sends_nothing(office):
    with pytest.raises(CredentialMissingError):
        decrypt_active_credential(connection=office)
    with pytest.raises(service.NotSent, match="No API key"):
        service.list_entities(connection="office", kind="tenant")


@pytest.mark.parametrize("field", ["sealed_api_key", "sealed_password"])
def test_a_token_copied_from_another_row_or_field_is_never_sent(office, field):
    other = create_connection(slug="other", name="Other", base_url="https://gateway.example.org")
    stored, foreign = _reset(office), _reset(other, 2)
    other_field = {"sealed_api_key": "sealed_password", "sealed_password": "sealed_api_key"}[field]
    for token in (getattr(foreign, field), getattr(stored, other_field), "", "v1.x"):
        Credential.objects.filter(pk=stored.pk).update(**{field: token})
        with pytest.raises(KeyringError):
            decrypt_active_credential(connection=office)
        with pytest.raises(service.NotSent, match="cannot be used"):
            service.list_entities(connection="office", kind="tenant")


@pytest.mark.parametrize(
    ("api_key", "password", "said"),
    [
        ("", "canary", "API key is empty"),
        ("key", "", "password is empty"),
        ("key ", "canary", "API key begins or ends"),
        ("key", "canary\n", "password begins or ends"),
        ("key", "\tcanary", "password begins or ends"),
        ("key", "can\nary", "password contains a line break"),
        ("key", "can\x00ary", "invisible"),
        ("key", "can\u200bary", "invisible"),
        ("key", "c" * 501, "longer"),
        ("k:ey", "canary", "colon"),
    ],
)
def test_a_bad_paste_is_refused_in_words_and_nothing_is_stripped(office, api_key, password, said):
    with pytest.raises(ValueError, match=said) as caught:
        replace_credential(connection=office, api_key=api_key, password=password, by="Ada")
    assert "canary" not in str(caught.value)
    assert not Credential.objects.exists()


def test_the_use_is_recorded_at_most_once_a_minute(office, django_assert_num_queries):
    stored = _reset(office)
    record_credential_use(credential=stored, accepted=True)
    stored.refresh_from_db()
    assert stored.last_success_at and not stored.last_failure_at
    with django_assert_num_queries(0):
        record_credential_use(credential=stored, accepted=True)
    stored.last_success_at = timezone.now() - timedelta(seconds=61)
    record_credential_use(credential=stored, accepted=True)
    assert Credential.objects.get().last_success_at > stored.last_success_at


def test_a_refused_credential_is_suspect_once_and_until_it_works_again(office, django_assert_num_queries):
    stored = _reset(office)
    old = Credential.objects.get()
    record_credential_use(credential=stored, accepted=False, words="Unauthorized")
    marked = Credential.objects.get()
    assert marked.suspect_since and marked.suspect_words == "Unauthorized" and marked.last_failure_at
    assert mark_suspect(old, "again") is False
    assert Credential.objects.get().suspect_words == "Unauthorized"
    with django_assert_num_queries(0):
        record_credential_use(credential=marked, accepted=False)
    record_credential_use(credential=marked, accepted=True)
    assert Credential.objects.get().suspect_since is None


def test_a_late_refusal_of_a_replaced_credential_raises_no_suspicion(office):
    first = _reset(office, 1)
    _reset(office, 2)
    record_credential_use(credential=first, accepted=False)
    assert not Credential.objects.filter(suspect_since__isnull=False).exists()


def test_a_database_that_fails_while_noting_changes_no_outcome(connection, gateway, monkeypatch):
    def fails(**_):
        raise DatabaseError("locked")

    monkeypatch.setattr(sending, "record_credential_use", fails)
    payload = {"name": "Rosa", "homepage": "https://rosa.example.org", "timezone": "UTC"}
    made = service.perform(
        "merchant.create", connection="sandbox", target=gateway.own_tenant, payload=payload
    )
    assert isinstance(made, service.Accepted)


def test_a_database_that_fails_before_sending_is_not_sent(connection, monkeypatch):
    def fails(**_):
        raise DatabaseError("locked")

    monkeypatch.setattr(sending, "get_active_credential", fails)
    with pytest.raises(service.NotSent, match="could not be read"):
        service.list_entities(connection="sandbox", kind="tenant")


def test_resets_at_the_same_time_leave_one_active_version(committed_db):
    office = create_connection(slug="office", name="Office", base_url="https://gateway.example.org")

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
    create_connection(slug="a-first", name="A", base_url="https://gateway.example.org")
    assert [connection.slug for connection in Connection.objects.all()] == ["a-first", "office"]
    assert str(Connection.objects.get(slug="office")) == "Office"


def test_the_single_credential_of_before_becomes_the_active_version(office):
    migration = import_module("provisioning.credentials.migrations.0002_versions")
    for version, state in ((1, "revoked"), (2, "previous"), (3, "active")):
        Credential.objects.create(connection=office, version=version, state=state, created_by="Ada")
    Credential.objects.filter(state="active").update(sealed_password="v1.kept")
    Connection.objects.update(kind="production", colour="blue")
    migration.versions_settle(apps, None)
    assert states() == [(3, "active"), (2, "revoked"), (1, "revoked")]
    active = Credential.objects.get(state="active")
    assert (active.sealed_password, active.activated_by, active.activated_at) == (
        "v1.kept", "Ada", active.created_at,
    )  # fmt: skip
    assert Connection.objects.get().colour == "red"
