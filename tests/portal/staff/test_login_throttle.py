"""The attempt limit, reserved in the database: parallel tries are counted before they are looked at."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.staff import login_throttle
from portal.staff.identity import get_user_ref
from portal.staff.login_queue import ConcurrencyLimit
from portal.staff.models import Attempts
from portal.staff.password_links import make_password_link
from portal.staff.services import set_password
from tests.conftest import PASSPHRASE

LOGIN = "/accounts/login/"
WRONG = "wrong"


def tried(name="ana", passphrase=WRONG, **extra):
    """One try in a browser of its own; whether it got in."""
    return Client().post(LOGIN, {"login": name, "password": passphrase}, **extra).status_code == 302


def codes():
    """Codes of the failures, oldest first."""
    rows = Event.objects.filter(action="session.sign_in_failed").order_by("sequence")
    return list(rows.values_list("code", flat=True))


def expire():
    """As if the lock's time had passed."""
    from datetime import timedelta

    from django.utils import timezone

    Attempts.objects.update(ends_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_of_60_parallel_wrong_passwords_five_are_looked_at(committed_db, ana, monkeypatch, settings, name):
    """For a name that someone has and one that nobody has; the login queue would let in one by one."""
    monkeypatch.setattr("portal.staff.account_urls.LOGIN_QUEUE", ConcurrencyLimit(at_once=60, capacity=60))
    looked_at = []

    def counted(password, encoded, *arguments, **named):
        looked_at.append(1)
        return check_password(password, encoded, *arguments, **named)

    monkeypatch.setattr("django.contrib.auth.base_user.check_password", counted)

    def wrong(_):
        try:
            return tried(name)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(60) as threads:
        assert not any(threads.map(wrong, range(60)))
    assert codes().count("not_accepted") == 5 and codes().count("too_many_attempts") == 55
    assert len(looked_at) == (5 if name == "ana" else 0)  # an unknown name is hashed against nothing
    assert Event.objects.filter(action="session.sign_in_locked").count() == 1
    assert not tried(name, PASSPHRASE)


def test_the_lock_ends_after_its_time(ana):
    assert [tried() for _ in range(5)] == [False] * 5
    assert not tried(passphrase=PASSPHRASE)
    expire()
    assert tried(passphrase=PASSPHRASE)


def test_a_refused_try_does_not_make_the_lock_longer(ana):
    [tried() for _ in range(5)]
    locks = login_throttle.get_locks(ana)
    tried()
    assert locks and login_throttle.get_locks(ana) == locks


def test_success_forgets_earlier_failures(ana):
    [tried() for _ in range(4)]
    assert tried(passphrase=PASSPHRASE)
    assert [tried() for _ in range(4)] == [False] * 4
    assert tried(passphrase=PASSPHRASE)
    assert codes() == ["not_accepted"] * 8


def test_an_address_has_a_limit_of_its_own(ana, settings):
    settings.LOGIN_ADDRESS_ATTEMPTS = 3
    assert not any(tried(f"name{number}", REMOTE_ADDR="192.0.2.1") for number in range(3))
    assert not tried(passphrase=PASSPHRASE, REMOTE_ADDR="192.0.2.1")
    assert tried(passphrase=PASSPHRASE, REMOTE_ADDR="192.0.2.2")


def test_a_flood_from_one_address_fills_no_audit_trail(ana, settings):
    settings.LOGIN_ADDRESS_ATTEMPTS = 3
    assert not any(tried(f"name{number}", REMOTE_ADDR="192.0.2.1") for number in range(40))
    assert codes() == ["not_accepted"] * 3 + ["too_many_attempts"] * 20
    expire()
    assert tried(passphrase=PASSPHRASE, REMOTE_ADDR="192.0.2.1")


def test_signing_in_all_day_from_one_address_uses_nothing_up(ana, settings):
    settings.LOGIN_ADDRESS_ATTEMPTS = 2
    assert all(tried(passphrase=PASSPHRASE) for _ in range(4))


def test_an_ipv6_network_is_one_address_and_a_mapped_ipv4_one_is_itself():
    one, other = login_throttle.address_slot("2001:db8::1"), login_throttle.address_slot("2001:db8::ffff:2")
    assert one == other != login_throttle.address_slot("2001:db8:0:1::1")
    mapped = [login_throttle.address_slot(f"::ffff:192.0.2.{last}") for last in (1, 2)]
    assert (
        mapped == [login_throttle.address_slot(f"192.0.2.{last}") for last in (1, 2)]
        and len(set(mapped)) == 2
    )
    assert login_throttle.address_slot("not an address").startswith("address:")


def test_a_flood_of_names_and_addresses_fills_a_bounded_table(db, settings, monkeypatch):
    monkeypatch.setattr(login_throttle, "_SHARED_ROWS", 8)
    for number in range(60):
        tried(f"name{number}", REMOTE_ADDR=f"192.0.2.{number}")
    assert Attempts.objects.count() <= 16


@pytest.mark.parametrize("name", ["\0", "x" * 300, "ana\0", "\ud800", "🙂" * 100, " "])
def test_strange_names_count_and_break_nothing(ana, name):
    assert login_throttle.reserve_attempt(slot=login_throttle.name_slot(name), limit=5)
    response = Client().post(LOGIN, {"login": name.encode("utf-8", "replace").decode(), "password": "x"})
    assert response.status_code == 200


def test_an_admin_sees_the_lock_and_ends_it(ana, admin, client_of):
    [tried() for _ in range(5)]
    browser, page = client_of(admin), f"/staff/{ana.pk}/"
    assert b"too many failed sign-in attempts" in browser.get(page).content
    assert browser.post(page + "unlock/").status_code == 302
    assert b"too many failed sign-in attempts" not in browser.get(page).content
    assert tried(passphrase=PASSPHRASE)
    unlocked = Event.objects.get(action="staff.unlocked")
    assert unlocked.actor_id == admin.pk and unlocked.object_guid == str(ana.pk)


def test_the_page_says_which_tries_are_used_up(ana, admin, client_of):
    def shown():
        return client_of(admin).get(f"/staff/{ana.pk}/").content.decode()

    ways = {
        login_throttle.password_slot(ana): "failed sign-in attempts",
        login_throttle.code_slot(ana): "wrong second-factor codes",
        login_throttle.own_password_slot(
            ana
        ): "when asked to confirm their identity; this does not lock sign-in",
    }
    for slot, words in ways.items():
        for _ in range(5):
            assert not any(other in shown() for other in ways.values())
            assert login_throttle.reserve_attempt(slot=slot, limit=5)
        assert [other for other in ways.values() if other in shown()] == [words]
        login_throttle.forget_failures(ana)


def test_there_is_nothing_to_record_where_nothing_was_locked(ana, admin, client_of):
    client_of(admin).post(f"/staff/{ana.pk}/unlock/")
    assert not Event.objects.filter(action="staff.unlocked").exists()


def test_a_new_password_through_a_one_time_link_ends_the_lock(ana):
    [tried() for _ in range(5)]
    make_password_link(by=None, origin=get_system_origin("tests"), user=ana)
    set_password(origin=get_system_origin("tests"), user=ana, password="another long passphrase")
    assert tried(passphrase="another long passphrase")


def test_an_attempt_that_breaks_stays_counted_and_an_accepted_one_resets_the_slot(ana, rf):
    request = rf.post("/")
    request.user = ana

    def attempt(accepted, error=None):
        slot = login_throttle.code_slot(ana)
        events = {"failed": "second_factor.failed", "locked": "session.sign_in_locked"}
        with login_throttle.limit_attempts(request, slot=slot, target=get_user_ref(ana), **events) as made:
            if error:
                raise error
            made.accepted = accepted

    for _ in range(4):
        with pytest.raises(KeyError):
            attempt(False, KeyError("broken"))
    assert not Event.objects.exists(), "the block says itself why it broke"
    attempt(True)
    for _ in range(5):
        attempt(False)
    with pytest.raises(ValidationError, match="Too many"):
        attempt(True)
    recorded = list(Event.objects.order_by("sequence").values_list("action", "code"))
    wrong = ("second_factor.failed", "not_accepted")
    locked = ("session.sign_in_locked", "locked")
    assert recorded == [wrong] * 5 + [locked, ("second_factor.failed", "too_many_attempts")]
