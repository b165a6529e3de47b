"""What is sealed at rest opens whole, in its own place and with its own key, or not at all."""

import base64
import secrets

import pytest

from provisioning import encryption
from provisioning.encryption import KeyringError
from provisioning.gateway.secrets import Sealed


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def keys(settings):
    """Sets PORTAL_ENCRYPTION_KEYS; starts with one key, “first”."""
    settings.PORTAL_ENCRYPTION_KEYS = f"first:{_key()}"
    return settings


@pytest.mark.parametrize("secret", ["", "pässword 密码", "x" * 10_000, "a.b.c"])
def test_a_sealed_text_opens_in_its_place(keys, secret):
    token = encryption.seal(secret, context="row 1")
    assert encryption.unseal(token, context="row 1") == Sealed(secret)
    assert token.startswith("v1.first.") and (not secret or secret not in token)


def test_the_same_text_is_never_sealed_the_same(keys):
    assert encryption.seal("secret", context="c") != encryption.seal("secret", context="c")


def test_a_token_moved_to_another_row_does_not_open(keys):
    with pytest.raises(KeyringError, match="belongs to another row"):
        encryption.unseal(encryption.seal("secret", context="row 1"), context="row 2")


def test_every_single_flipped_bit_is_refused(keys):
    token = encryption.seal("secret", context="c")
    for position in range(len(token)):
        for bit in range(7):
            flipped = token[:position] + chr(ord(token[position]) ^ (1 << bit)) + token[position + 1 :]
            with pytest.raises(KeyringError):
                encryption.unseal(flipped, context="c")


@pytest.mark.parametrize(
    "token", ["", "secret", "v1.first.a.b", "v2.first.AAAA.AAAA", "v1.first", "v1...", "a.b.c.é"]
)
def test_an_invalid_token_is_refused(keys, token):
    with pytest.raises(KeyringError, match="not in the form"):
        encryption.unseal(token, context="c")


def test_every_cut_is_refused(keys):
    token = encryption.seal("secret", context="c")
    for length in range(len(token)):
        with pytest.raises(KeyringError):
            encryption.unseal(token[:length], context="c")


def test_a_token_of_an_unknown_key_names_the_key_and_of_a_wrong_one_does_not_open(keys):
    token = encryption.seal("secret", context="c")
    keys.PORTAL_ENCRYPTION_KEYS = f"other:{_key()}"
    with pytest.raises(KeyringError, match="“first”"):
        encryption.unseal(token, context="c")
    keys.PORTAL_ENCRYPTION_KEYS = f"first:{_key()}"
    with pytest.raises(KeyringError, match="the key is wrong"):
        encryption.unseal(token, context="c")


def test_after_a_rotation_old_tokens_open_and_new_ones_use_the_new_key(keys):
    token = encryption.seal("secret", context="c")
    keys.PORTAL_ENCRYPTION_KEYS = f"second:{_key()},{keys.PORTAL_ENCRYPTION_KEYS}"
    assert encryption.current_key_id() == "second"
    assert encryption.unseal(token, context="c") == Sealed("secret")
    assert encryption.seal("secret", context="c").startswith("v1.second.")
    encryption.validate_keys()


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("no-colon", "must read"),
        ("id:", "must read"),
        ("a b:" + "A" * 44, "must read"),
        ("id:***", "not base64"),
        ("id:" + base64.b64encode(b"short").decode(), "5 bytes instead of 32"),
        ("id:{key},id:{key}", "twice"),
    ],
)
def test_unusable_keys_are_refused_in_words_without_the_key(keys, configured, said):
    keys.PORTAL_ENCRYPTION_KEYS = configured.replace("{key}", _key())
    for act in (
        encryption.validate_keys,
        lambda: encryption.seal("secret", context="c"),
        lambda: encryption.fingerprint("s"),
    ):
        with pytest.raises(KeyringError, match=said) as caught:
            act()
        assert "***" not in str(caught.value)


def test_a_fingerprint_tells_secrets_apart_and_depends_on_the_key(keys):
    first = encryption.fingerprint("secret")
    assert first == encryption.fingerprint("secret") != encryption.fingerprint("Secret")
    assert len(first) == 16
    keys.PORTAL_ENCRYPTION_KEYS = f"first:{_key()}"
    assert encryption.fingerprint("secret") != first
