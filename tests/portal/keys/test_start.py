"""A missing or another key stops the start, in words that name the key and never show it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from portal.keys.checks import ensure_keys, find_key_problems
from provisioning.credentials.models import Credential
from tests.portal.keys.conftest import VALUES
from tests.running.production import key


def refused(settings):
    """What is said at start, by the web server and by commands alike."""
    with pytest.raises(ImproperlyConfigured) as caught:
        ensure_keys()
    with pytest.raises(SystemCheckError) as checked:
        call_command("changes_settle", skip_checks=False)
    for part in str(caught.value).split(". "):
        assert part.rstrip(".") in str(checked.value)
    for entry in settings.PORTAL_ENCRYPTION_KEYS.split(","):
        assert entry.partition(":")[2] not in str(caught.value) + str(checked.value)
    return str(caught.value)


def test_the_right_keys_start(sealed, keys):
    ensure_keys()
    keys("b", "a")
    ensure_keys()


def test_a_missing_key_stops_the_start_and_is_named(sealed, keys, settings):
    keys("b")
    said = refused(settings)
    assert f"Key “a” is missing: {VALUES} stored values are encrypted with it" in said
    assert "Credentials of connections: 2" in said and "docs/keys.md" in said


def test_another_key_under_the_same_name_stops_the_start(sealed, keys, settings):
    keys("a", a=key())
    said = refused(settings)
    assert "Key “a” in PORTAL_ENCRYPTION_KEYS has changed: it decrypts none of the" in said
    assert f"it decrypts none of the {VALUES} values" in said


def test_another_old_key_under_the_same_name_stops_the_start_too(sealed, keys, settings):
    keys("b", "a", a=key())
    assert "Key “a” in PORTAL_ENCRYPTION_KEYS has changed" in refused(settings)


def test_a_single_damaged_value_does_not_keep_everybody_out(sealed):
    Credential.objects.update(sealed_password="v1.a.x.y")
    ensure_keys()


def test_an_empty_database_starts_with_any_key(keys, db):
    keys("b")
    assert find_key_problems() == []
