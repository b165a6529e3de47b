"""Signing in costs the same whoever is named, and cannot take the portal away from those who work."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from portal.audit.models import Event
from portal.staff.passwords import Argon2idHasher
from portal.staff.turnstile import TooBusy, Turnstile
from tests.conftest import PASSPHRASE

LOGIN = "/accounts/login/"


class CountedHasher(Argon2idHasher):
    """The portal's hasher, which notes each hash it computes."""

    seen: list[str] = []

    def encode(self, password, salt):
        """Hashes a password."""
        self.seen.append("hash")
        return super().encode(password, salt)

    def verify(self, password, encoded):
        """Hashes a password to compare it."""
        self.seen.append("hash")
        return super().verify(password, encoded)


@pytest.fixture
def hashes(settings):
    """The hashes since the list was cleared."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountedHasher"]
    CountedHasher.seen.clear()
    return CountedHasher.seen


@pytest.mark.parametrize("who", ["known", "unknown", "disabled", "invited", "locked", "locked unknown"])
def test_a_wrong_password_costs_one_hash_whoever_is_named_and_none_once_locked(hashes, person, settings, who):
    """A hash is what takes the time; `make bench` prints the times of known and unknown names."""
    person("known", "Support agent", PASSPHRASE)
    person("disabled", "Support agent", PASSPHRASE, is_active=False)
    person("invited", "Support agent")
    settings.SIGN_IN_ATTEMPTS = 1 if "locked" in who else 5
    name = "known" if who == "locked" else who
    if "locked" in who:
        Client().post(LOGIN, {"login": name, "password": "wrong"})
    hashes.clear()
    assert Client().post(LOGIN, {"login": name, "password": "wrong"}).status_code == 200
    assert len(hashes) == (0 if "locked" in who else 1)


def test_one_passes_some_wait_and_the_others_are_told_at_once():
    turnstile, inside, most, free = Turnstile(at_once=1, room=3), [], [], threading.Event()

    def through():
        with turnstile.passing():
            inside.append(1)
            most.append(len(inside))
            free.wait(20)
            inside.pop()

    with ThreadPoolExecutor(3) as threads:
        passing = [threads.submit(through) for _ in range(3)]
        until(lambda: turnstile.left == 0)
        with pytest.raises(TooBusy), turnstile.passing():
            pass
        free.set()
        assert [one.result() for one in passing] == [None] * 3
    assert most == [1, 1, 1] and turnstile.left == 3


def until(true):
    """Waits until it is."""
    limit = time.monotonic() + 20
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_whoever_finds_no_room_is_told_to_come_back_and_loses_no_attempt(person, monkeypatch):
    person("ana", "Support agent", PASSPHRASE)
    full = Turnstile(at_once=1, room=1)
    monkeypatch.setattr("portal.staff.accounts.TURNSTILE", full)
    login = {"login": "ana", "password": PASSPHRASE}
    with full.passing():
        answer = Client().post(LOGIN, login)
        assert answer.status_code == 503 and answer["Retry-After"] == "5"
        assert b"did not count as an attempt" in answer.content and not Event.objects.exists()
        assert Client().get(LOGIN).status_code == 200
    assert Client().post(LOGIN, login).status_code == 302
