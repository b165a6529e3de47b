"""Signing in costs the same for any username, and cannot take the portal away from those who work."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.audit.models import Event
from portal.staff.login_queue import ConcurrencyLimit, TooBusy
from portal.staff.passwords import Argon2idHasher
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
def test_a_wrong_password_costs_one_hash_for_any_name_and_none_once_locked(hashes, person, settings, who):
    """A hash is what takes the time; `make bench` prints the times of known and unknown names."""
    person("known", "Support agent", PASSPHRASE)
    person("disabled", "Support agent", PASSPHRASE, is_active=False)
    person("invited", "Support agent")
    settings.LOGIN_ATTEMPTS = 1 if "locked" in who else 5
    name = "known" if who == "locked" else who
    if "locked" in who:
        Client().post(LOGIN, {"login": name, "password": "wrong"})
    hashes.clear()
    assert Client().post(LOGIN, {"login": name, "password": "wrong"}).status_code == 200
    assert len(hashes) == (0 if "locked" in who else 1)


def test_one_request_passes_some_wait_and_the_others_are_refused_at_once():
    login_queue, inside, most, free = ConcurrencyLimit(at_once=1, capacity=3), [], [], threading.Event()

    def through():
        with login_queue.wait_for_turn():
            inside.append(1)
            most.append(len(inside))
            free.wait(20)
            inside.pop()

    with ThreadPoolExecutor(3) as threads:
        passing = [threads.submit(through) for _ in range(3)]
        until(lambda: login_queue.left == 0)
        with pytest.raises(TooBusy), login_queue.wait_for_turn():
            pass
        free.set()
        assert [one.result() for one in passing] == [None] * 3
    assert most == [1, 1, 1] and login_queue.left == 3


def until(true):
    """Waits until it is."""
    limit = time.monotonic() + 20
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_full_login_queue_answers_503_and_costs_no_attempt(person, monkeypatch):
    person("ana", "Support agent", PASSPHRASE)
    full = ConcurrencyLimit(at_once=1, capacity=1)
    monkeypatch.setattr("portal.staff.account_urls.LOGIN_QUEUE", full)
    login = {"login": "ana", "password": PASSPHRASE}
    with full.wait_for_turn():
        answer = Client().post(LOGIN, login)
        assert answer.status_code == 503 and answer["Retry-After"] == "5"
        assert b"did not count as an attempt" in answer.content and not Event.objects.exists()
        assert Client().get(LOGIN).status_code == 200
    assert Client().post(LOGIN, login).status_code == 302


class Queue:
    """A login queue whose requests wait in threads; `passed` are the addresses in the order they passed."""

    def __init__(self, capacity):
        self.login_queue, self.passed, self.refused = ConcurrencyLimit(at_once=1, capacity=capacity), [], []
        self._free, self._threads = threading.Semaphore(0), []

    def come(self, address):
        """One more visitor from `address` has come: admitted, waiting or refused when this returns."""
        before = len(self.refused), self.login_queue.left

        def visit():
            try:
                with self.login_queue.wait_for_turn(address):
                    self._free.acquire(timeout=20)
                    self.passed.append(address)
            except TooBusy:
                self.refused.append(address)

        thread = threading.Thread(target=visit)
        thread.start()
        self._threads.append(thread)
        until(lambda: (len(self.refused), self.login_queue.left) != before)

    def open(self):
        """Lets everybody through, one by one."""
        self._free.release(len(self._threads))
        for thread in self._threads:
            thread.join(20)


def test_one_address_may_fill_the_queue_and_gives_way_to_others():
    queue = Queue(capacity=6)
    for _ in range(7):
        queue.come("office")
    assert queue.refused == ["office"] and queue.login_queue.left == 0
    for address in ("home", "train", "home"):
        queue.come(address)
    assert queue.refused == ["office"] * 4
    queue.open()
    assert queue.passed == ["office", "office", "home", "train", "office", "home"]
    assert queue.login_queue.left == 6


def test_a_queue_of_many_addresses_refuses_one_more():
    queue = Queue(capacity=4)
    for address in ("one", "two", "three", "four", "five"):
        queue.come(address)
    assert queue.refused == ["five"]
    queue.open()
    assert queue.passed == ["one", "two", "three", "four"]


def test_waiting_in_the_login_queue_ends(monkeypatch):
    monkeypatch.setattr("portal.staff.login_queue.LONGEST_WAIT", 0.1)
    login_queue = ConcurrencyLimit(at_once=1, capacity=3)
    with login_queue.wait_for_turn("one"):
        with pytest.raises(TooBusy), login_queue.wait_for_turn("two"):
            pass
        assert login_queue.left == 2
    assert login_queue.left == 3


def test_an_address_over_its_limit_takes_no_place_and_writes_nothing(person, settings, monkeypatch):
    person("ana", "Support agent", PASSPHRASE)
    settings.LOGIN_ADDRESS_ATTEMPTS = 2
    full = ConcurrencyLimit(at_once=1, capacity=1)
    flood = Client(REMOTE_ADDR="192.0.2.1")
    for number in range(2 + 20):
        flood.post(LOGIN, {"login": f"name{number}", "password": "wrong"})
    monkeypatch.setattr("portal.staff.account_urls.LOGIN_QUEUE", full)
    recorded = Event.objects.count()
    with full.wait_for_turn("192.0.2.1"), CaptureQueriesContext(connection) as queries:
        answer = flood.post(LOGIN, {"login": "ana", "password": PASSPHRASE})
    assert answer.status_code == 200 and b"Too many failed attempts" in answer.content
    assert Event.objects.count() == recorded
    assert [each["sql"] for each in queries if not each["sql"].startswith("SELECT")] == []
    login = {"login": "ana", "password": PASSPHRASE}
    assert Client(REMOTE_ADDR="192.0.2.2").post(LOGIN, login).status_code == 302
