"""`manage.py keyring`: what is sealed is counted, sealed again while it is used, given up on demand only."""

import ast
import dataclasses
import re

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models

from portal.audit.models import Event
from portal.changes.comparison import find_differences, take_snapshot
from portal.changes.models import Change
from portal.changes.records import unseal_payload, unseal_secrets
from portal.keys import services
from portal.keys.services import get_key_usage, rotate_keyring
from portal.staff.mfa import unlock_secrets, use_code, wrap_secret
from provisioning.credentials.models import Credential
from provisioning.credentials.services import decrypt_active_credential
from provisioning.encrypted_fields import ENCRYPTED_FIELDS, EncryptedField, iterate_encrypted_values
from provisioning.encryption import KeyringError
from provisioning.gateway.secrets import Sealed
from tests.checks.tree import python_files, text_of
from tests.factories import connector_made, merchant_made
from tests.portal.changes.conftest import ORIGIN
from tests.portal.keys.conftest import VALUES


def run(capsys, *arguments):
    """What the command prints."""
    call_command("keyring", *arguments)
    return capsys.readouterr().out


def all_opens(sealed, gateway):
    """Every value, read the way the portal reads it."""
    api_key, password = decrypt_active_credential(connection=sealed.connection)
    assert (api_key.reveal(), password.reveal()) == gateway.auth
    change = Change.objects.get()
    assert unseal_payload(change, change.sealed_payload)["password"].reveal() == "canary-payload"
    assert unseal_secrets(change, change.sealed_secrets) == {"sharedSecret": "canary-shared"}
    with unlock_secrets(sealed.ana):
        assert wrap_secret(Authenticator.objects.get(type="totp")) == sealed.secret
        codes = Authenticator.objects.get(type="recovery_codes").wrap()
        assert sealed.code in codes.generate_codes()
    return True


def key_ids():
    """The key of every stored value, read from its token."""
    return {value.token.split(".")[1] for _, _, value in iterate_encrypted_values()}


def test_every_sealed_column_of_every_model_belongs_to_a_place():
    named = {(place.model, column) for place in ENCRYPTED_FIELDS.values() for column in place.columns}
    found = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("sealed") and isinstance(field, models.TextField)
    }
    assert found == named


def test_every_module_that_encrypts_is_known():
    """A module that seals names its place in the `ready` of its app, and then itself here."""
    known = {
        "provisioning/encryption.py": "tries its keys",
        "provisioning/encrypted_fields.py": "seals anew",
        "provisioning/credentials/credential_lifecycle.py": "Credentials of connections",
        "portal/changes/outcomes.py": "files that last until the database is back",
        "portal/changes/records.py": "Changes not yet sent, secrets not yet shown",
        "portal/form_drafts/services.py": "Unsent forms",
        "portal/staff/mfa.py": "Second factors",
    }
    calls = {
        name
        for name in python_files()
        if not name.startswith("tests/")
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("seal", "encryption.seal")
    }
    assert calls == set(known)
    assert set(ENCRYPTED_FIELDS) <= set(known.values())


def test_status_counts_what_each_key_seals(capsys, sealed, keys):
    keys("b", "a")
    printed = run(capsys, "status")
    for name in ENCRYPTED_FIELDS:
        assert re.search(rf"^{name} +0 +2$", printed, re.M), printed
    assert f"{VALUES} values are still encrypted with older keys" in printed
    assert "New values are encrypted with “b”." in printed and "can be removed" not in printed


def test_a_rotation_seals_everything_with_the_first_key_and_the_old_one_can_go(capsys, sealed, keys, gateway):
    keys("b", "a")
    printed = run(capsys, "rotate")
    assert f"{VALUES} values were re-encrypted" in printed
    assert "Key “a” encrypts no stored values. You can remove it" in printed
    assert key_ids() == {"b"}
    keys("b")
    assert all_opens(sealed, gateway)
    assert use_code(sealed.ana, sealed.code)
    event = Event.objects.get(action="keyring.rotated")
    assert event.after_data == {"key": "b", "values": VALUES} and event.actor_name == "manage.py keyring"
    assert Event.objects.filter(action="keyring.rotation_began").count() == 1


def test_a_second_rotation_finds_nothing_to_do_and_leaves_no_record(capsys, sealed, keys):
    keys("b", "a")
    run(capsys, "rotate")
    before = [value.token for _, _, value in iterate_encrypted_values()]
    assert "0 values were re-encrypted" in run(capsys, "rotate")
    assert [value.token for _, _, value in iterate_encrypted_values()] == before
    assert Event.objects.filter(action="keyring.rotated").count() == 1


def test_an_interrupted_rotation_loses_nothing_and_goes_on_where_it_stopped(sealed, keys, gateway):
    keys("b", "a")

    def interrupted(place, done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_keyring(origin=ORIGIN, progress=interrupted)
    assert key_ids() == {"a", "b"} and all_opens(sealed, gateway)
    assert rotate_keyring(origin=ORIGIN) == VALUES - 2
    assert key_ids() == {"b"} and all_opens(sealed, gateway)


def test_more_rows_than_fit_one_transaction_are_all_reencrypted(sealed, keys, monkeypatch):
    monkeypatch.setattr("provisioning.encrypted_fields.BATCH", 1)
    monkeypatch.setattr(services, "PAUSE", 0)
    keys("b", "a")
    assert rotate_keyring(origin=ORIGIN) == VALUES
    assert key_ids() == {"b"}


def test_a_form_opened_before_the_keys_change_still_knows_the_secrets_it_showed(keys, connection):
    connector = connector_made(connection, merchant_made(connection))
    seen = take_snapshot(connector)
    keys("b", "a")
    assert find_differences(seen, take_snapshot(connector)) == []
    changed = {**connector.values, "apiKey": Sealed("another")}
    fresh = take_snapshot(dataclasses.replace(connector, values=changed))
    assert [difference.field for difference in find_differences(seen, fresh)] == ["apiKey"]


def test_a_rotation_keeps_what_else_is_known_of_a_factor(sealed, keys):
    assert use_code(sealed.ana, sealed.code)
    keys("b", "a")
    rotate_keyring(origin=ORIGIN)
    assert Authenticator.objects.get(type="recovery_codes").data["used_mask"] == 1
    assert use_code(sealed.ana, sealed.code) is None


def test_an_undecryptable_value_is_named_kept_and_fails_the_command(capsys, sealed, keys):
    altered = Credential.objects.get().sealed_password[:-4] + "AAAA"
    Credential.objects.update(sealed_password=altered)
    keys("b", "a")
    with pytest.raises(CommandError, match="1 values cannot be decrypted"):
        call_command("keyring", "rotate")
    printed = capsys.readouterr().out
    assert (
        "Cannot be decrypted: Credentials of connections" in printed
        and "sealed_password (key “a”)" in printed
    )
    assert Credential.objects.get().sealed_password == altered
    assert "can be removed" not in printed
    assert get_key_usage().sealed_with("b") == VALUES - 1


def test_status_after_the_loss_of_a_key_names_it_and_discard_gives_up_only_the_number_named(
    capsys, sealed, keys
):
    keys("b")
    with pytest.raises(CommandError, match=f"{VALUES} values cannot be decrypted"):
        call_command("keyring", "status")
    assert "Key “a” is not configured" in capsys.readouterr().out
    with pytest.raises(
        CommandError, match=f"{VALUES} values cannot be decrypted, not 5. Nothing was removed"
    ):
        call_command("keyring", "discard", "--values", "5")
    assert get_key_usage().sealed_with("a") == VALUES
    assert f"{VALUES} values that no key can decrypt" in run(capsys, "discard", "--values", str(VALUES))
    assert not list(iterate_encrypted_values()) and not Authenticator.objects.exists()
    assert Event.objects.get(action="keyring.discarded").after_data == {"values": VALUES}
    assert "New values are encrypted with “b”" in run(capsys, "status")
    with pytest.raises(KeyringError):
        decrypt_active_credential(connection=sealed.connection)


def test_discard_touches_nothing_that_opens(sealed, keys, gateway):
    with pytest.raises(CommandError):
        call_command("keyring", "discard", "--values", "1")
    call_command("keyring", "discard", "--values", "0")
    assert all_opens(sealed, gateway)


@pytest.mark.parametrize("act", ["status", "rotate"])
def test_unusable_keys_are_said_without_the_key(settings, db, act):
    settings.PORTAL_ENCRYPTION_KEYS = "2026-11:c2VjcmV0"
    with pytest.raises(CommandError, match="“2026-11” in PORTAL_ENCRYPTION_KEYS has 6 bytes") as caught:
        call_command("keyring", act)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_place_lists_only_rows_with_something_in_it(sealed):
    place = next(place for place in ENCRYPTED_FIELDS.values() if place.model is Change)
    assert isinstance(place, EncryptedField) and place.rows().count() == 1
    Change.objects.update(sealed_payload="", sealed_secrets="")
    assert not place.rows().exists()
