"""Step-up: credentials, staff and the audit export open to who proved a short while ago who they are."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import check_password
from django.db import connections
from django.test import Client
from django.urls import get_resolver

from portal.audit.exports import KIND as EXPORT_KIND
from portal.audit.models import Event
from portal.audit.verification.jobs import KIND as VERIFICATION_KIND
from portal.core.permissions import PERMISSIONS, needs_step_up
from portal.core.view_access import get_access
from portal.staff.models import User
from portal.tasks.models import TaskRun
from tests.conftest import PASSPHRASE

CONFIRM, CHANGE = "/accounts/confirm/", "/accounts/password/change/"
NEW = dict.fromkeys(("password1", "password2"), "another long passphrase")


@pytest.fixture
def ada(person):
    """Ada, an admin with a passphrase."""
    return person("ada", "Admin", PASSPHRASE)


@pytest.fixture
def browser(ada):
    """Ada's browser, in which she signed in eleven minutes ago."""
    browser = Client()
    browser.post("/accounts/login/", {"login": "ada", "password": PASSPHRASE})
    aged(browser)
    return browser


def aged(browser, seconds=11 * 60):
    """As if the password had been given so long ago."""
    session = browser.session
    session["proved_at"] = int(time.time()) - seconds
    session.save()


def confirm(browser, passphrase=PASSPHRASE, **fields):
    """Sends the step-up form."""
    return browser.post(CONFIRM, {"password": passphrase, **fields})


@pytest.mark.parametrize("page", ["/staff/new/", "/connections/sandbox/reset/"])
def test_a_page_that_needs_it_asks_again_and_comes_back(browser, page):
    asked = browser.get(page)
    assert asked["Location"] == f"{CONFIRM}?next={page}"
    form = browser.get(asked["Location"]).content.decode()
    assert f'value="{page}"' in form
    assert confirm(browser, next=page)["Location"] == page
    assert browser.get(page).status_code in (200, 404)


@pytest.mark.parametrize("step", ["role", "disable", "enable", "link", "unlock", "sign-out", "second-factor"])
def test_no_staff_write_happens_without_it(browser, person, step):
    ana = person("ana", "Support agent", PASSPHRASE)
    back = f"/staff/{ana.pk}/"
    answer = browser.post(
        f"{back}{step}/", {"role": "Admin"}, headers={"referer": f"http://testserver{back}"}
    )
    assert answer["Location"] == f"{CONFIRM}?next={back}"
    stored = User.objects.get(pk=ana.pk)
    assert (stored.role, stored.is_active, stored.password) == ("Support agent", True, ana.password)
    foreign = browser.post(f"{back}{step}/", headers={"referer": "https://evil.example/testserver/x"})
    assert foreign["Location"] == f"{CONFIRM}?next=/"


def test_what_a_form_sent_is_not_kept_anywhere(browser):
    browser.post("/connections/sandbox/reset/", {"password": "canary-of-the-form"})
    assert "canary" not in str(dict(browser.session))


def test_reading_needs_none(browser):
    assert browser.get("/staff/").status_code == 200 and browser.get("/audit/").status_code == 200


def test_ten_minutes_are_fresh_and_a_session_without_the_mark_is_not(browser):
    aged(browser, 9 * 60)
    assert browser.get("/staff/new/").status_code == 200
    session = browser.session
    del session["proved_at"]
    session.save()
    assert browser.get("/staff/new/").status_code == 302


def test_a_step_up_is_recorded_and_begins_a_new_session_id(browser):
    before = browser.session.session_key
    assert confirm(browser)["Location"] == "/"
    assert browser.session.session_key != before
    assert [one.session_key for one in UserSession.objects.all()] == [browser.session.session_key]
    assert Event.objects.first().sentence == "ada (Admin) confirmed their identity"
    assert browser.get("/staff/new/").status_code == 200


def test_a_wrong_password_opens_nothing_and_counts(browser, ada):
    for _ in range(5):
        assert confirm(browser, "wrong").status_code == 200
    assert confirm(browser).status_code in (200, 429)
    assert browser.get("/staff/new/").status_code == 302
    failures = Event.objects.filter(action="session.step_up_failed", object_guid=str(ada.pk), actor_id=ada.pk)
    assert list(failures.values_list("code", flat=True)) == ["too_many_attempts"] + ["not_accepted"] * 5
    assert Event.objects.filter(action="session.step_up_locked").count() == 1


def test_a_stranger_who_locks_the_name_does_not_keep_its_owner_from_stepping_up(browser):
    for _ in range(6):
        Client().post("/accounts/login/", {"login": "ada", "password": "wrong"})
    assert confirm(browser).status_code == 302
    assert browser.get("/staff/new/").status_code == 200
    stranger = Client().post("/accounts/login/", {"login": "ada", "password": PASSPHRASE})
    assert stranger.status_code == 200, "the step-up unlocked the sign-in page"


def test_wrong_passwords_at_step_up_do_not_lock_the_sign_in_page(browser):
    for _ in range(6):
        confirm(browser, "wrong")
    assert Client().post("/accounts/login/", {"login": "ada", "password": PASSPHRASE}).status_code == 302
    assert confirm(browser).status_code == 200, "a sign-in unlocked the step-up"


def test_an_admin_unlocks_the_step_up_too(browser, ada, person, client_of):
    another = client_of(person("amir", "Admin"))
    for _ in range(5):
        confirm(browser, "wrong")
    page = f"/staff/{ada.pk}/"
    shown = another.get(page).content.decode()
    assert "too many wrong passwords when asked to confirm their identity" in shown
    assert "failed sign-in attempts" not in shown
    another.post(page + "unlock/")
    assert confirm(browser).status_code == 302


@pytest.mark.parametrize("page", [CONFIRM, CHANGE])
def test_of_30_parallel_tries_at_ones_own_password_five_are_looked_at(
    committed_db, browser, monkeypatch, settings, page
):
    settings.ACCOUNT_RATE_LIMITS = {"change_password": "", "reauthenticate": ""}
    looked_at = []

    def counted(password, encoded, *arguments, **named):
        looked_at.append(1)
        return check_password(password, encoded, *arguments, **named)

    monkeypatch.setattr("django.contrib.auth.base_user.check_password", counted)
    cookies = browser.cookies.output(header="", sep=";")

    def wrong(_):
        one = Client()
        one.cookies.load(cookies)
        try:
            return one.post(page, {"password": "wrong", "oldpassword": "wrong", **NEW}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(30) as threads:
        assert set(threads.map(wrong, range(30))) == {200}
    failures = Event.objects.filter(action="session.step_up_failed")
    assert len(looked_at) == failures.filter(code="not_accepted").count() == 5
    assert failures.filter(code="too_many_attempts").count() == 25


def test_the_old_password_cannot_be_guessed_where_it_is_changed(browser, ada, settings):
    settings.ACCOUNT_RATE_LIMITS = {"change_password": ""}
    for _ in range(5):
        assert browser.post(CHANGE, {"oldpassword": "wrong", **NEW}).status_code == 200
    assert browser.post(CHANGE, {"oldpassword": PASSPHRASE, **NEW}).status_code == 200
    assert User.objects.get(pk=ada.pk).check_password(PASSPHRASE)
    failures = Event.objects.filter(action="session.step_up_failed", actor_id=ada.pk)
    assert list(failures.values_list("code", flat=True)) == ["too_many_attempts"] + ["not_accepted"] * 5
    assert confirm(browser).status_code == 200, "step-up is counted in the same place"
    assert "wrong" not in [str(value) for row in failures.values() for value in row.values()]


def test_every_view_with_such_a_right_is_covered_by_the_right_itself():
    """The door looks at the right, so that a new page cannot forget to ask."""
    from tests.portal.staff.test_access_table import patterns

    rights = {get_access(pattern.callback) for _, pattern in patterns(get_resolver())}
    asking = {name for name in PERMISSIONS if needs_step_up(name)}
    assert {"connection.create", "connection.update", "credential.reset", "staff.create"} <= asking
    assert {"staff.update", "role.update", "access.review", "audit.export"} <= asking <= rights


ACTIONS = {
    "signing off a day": ("/audit/review/2026-11-01/", {"note": "nothing unusual"}),
    "saving a shared filter": ("/audit/filters/?actor=ana", {"name": "Mine", "role": "Manager"}),
    "sharing a filter": ("/audit/filters/1/", {"do": "share", "role": "Manager"}),
    "withdrawing a filter": ("/audit/filters/1/", {"do": "share", "role": ""}),
    "a user's password": ("/sandbox/users/MU-1/password/", {"password": "x"}),
    "a user's reset": ("/sandbox/users/MU-1/reset-password/", {}),
    "a user's password among other fields": ("/sandbox/users/MU-1/edit/", {"password": "x"}),
    "secrets": (f"/changes/{uuid.uuid4()}/reveal/", {}),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_what_weighs_heavily_asks_for_the_password_again(browser, action):
    path, form = ACTIONS[action]
    answer = browser.post(path, form)
    assert answer.status_code == 302 and answer["Location"].startswith(f"{CONFIRM}?next="), answer
    confirm(browser)
    again = browser.post(path, form)
    assert not again.get("Location", "").startswith(CONFIRM)


@pytest.mark.parametrize("kind", [EXPORT_KIND, VERIFICATION_KIND])
def test_starting_background_work_again_asks_for_it(browser, ada, kind):
    run = TaskRun.objects.create(kind=kind, owner_id=ada.pk, owner_name="ada", state="failed")
    assert browser.post(f"/tasks/{run.pk}/retry/")["Location"].startswith(CONFIRM)


@pytest.mark.parametrize(
    ("path", "form"), [("/audit/filters/?actor=ana", {"name": "Mine", "role": ""}), ("/audit/review/", None)]
)
def test_what_is_one_s_own_or_only_read_does_not(browser, path, form):
    answer = browser.get(path) if form is None else browser.post(path, form)
    assert not answer.get("Location", "").startswith(CONFIRM)
