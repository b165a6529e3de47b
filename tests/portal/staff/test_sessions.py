"""Sessions end: after idling, after a working day, by a button. The server decides, not the cookie."""

import time
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from portal.audit.models import Event
from portal.staff.sessions import browser_words
from portal.tasks import periodic
from tests.conftest import PASSPHRASE
from tests.registries import registry_of

PAGE = "/accounts/profile/"


def signed_in(**extra):
    """Ana's browser, through the form."""
    browser = Client(**extra)
    assert browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE}).status_code == 302
    return browser


def moved(browser, **marks):
    """Move the session's times into the past by a number of seconds."""
    session = browser.session
    for mark, seconds in marks.items():
        session[mark] = int(time.time()) - seconds
    session.save()


def is_in(browser):
    """Whether the browser still sees a page."""
    return browser.get(PAGE).status_code == 200


def test_a_session_ends_after_fifteen_idle_minutes(ana):
    browser = signed_in()
    moved(browser, seen_at=14 * 60)
    assert is_in(browser)
    moved(browser, seen_at=15 * 60)
    assert browser.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
    assert Event.objects.first().sentence == "The session of ana (Support agent) expired"
    assert not Session.objects.exists() and not UserSession.objects.exists()


def test_after_signing_in_again_the_wanted_page_opens(ana):
    browser = signed_in()
    moved(browser, seen_at=15 * 60)
    form = browser.get(PAGE)["Location"]
    again = browser.post(form, {"login": "ana", "password": PASSPHRASE, "next": PAGE})
    assert again["Location"] == PAGE and is_in(browser)


def test_a_click_keeps_it_alive_and_writes_at_most_twice_a_minute(ana, django_assert_num_queries):
    browser = signed_in()
    before = browser.session["seen_at"]
    assert is_in(browser) and browser.session["seen_at"] == before
    moved(browser, seen_at=40)
    assert is_in(browser) and browser.session["seen_at"] >= before


def test_a_session_ends_after_eight_hours_however_busy(ana):
    browser = signed_in()
    moved(browser, began_at=8 * 3600 - 60)
    assert is_in(browser)
    moved(browser, began_at=8 * 3600)
    assert not is_in(browser)


@pytest.mark.parametrize("mark", ["began_at", "seen_at"])
def test_a_session_without_marks_or_from_the_future_is_over(ana, mark):
    browser = signed_in()
    session = browser.session
    del session[mark]
    session.save()
    assert not is_in(browser)
    browser = signed_in()
    moved(browser, began_at=-3600)
    assert not is_in(browser)


def test_the_warning_can_keep_a_session_alive_and_renews_the_tokens_of_a_page(ana):
    browser = signed_in()
    moved(browser, seen_at=20)
    asked_at = int(time.time())
    answer = browser.get("/accounts/keep-alive/")
    assert answer.json()["seconds"] == 900 and len(answer.json()["token"]) == 64
    assert answer.json()["user"] == str(ana.pk)
    assert f'data-user="{ana.pk}"'.encode() in browser.get(PAGE).content
    assert browser.session["seen_at"] >= asked_at
    assert b'data-keep-alive="/accounts/keep-alive/"' in browser.get(PAGE).content
    moved(browser, seen_at=15 * 60)
    assert browser.get("/accounts/keep-alive/").status_code == 302


def test_people_see_their_own_sessions_and_end_them(ana, person):
    here, there, third = signed_in(), signed_in(headers={"user-agent": "Other/1.0"}), signed_in()
    person("ben", "Support agent", PASSPHRASE)
    foreign = Client()
    foreign.post("/accounts/login/", {"login": "ben", "password": PASSPHRASE})
    page = here.get("/accounts/sessions/").content.decode()
    assert "Other/1.0" in page and page.count("the session from") == 2 and "This session" in page
    number = UserSession.objects.get(session_key=there.session.session_key).pk
    assert here.post("/accounts/sessions/", {"session": number}).status_code == 302
    assert not is_in(there) and is_in(third) and is_in(here)
    here.post("/accounts/sessions/", {"others": "1"})
    assert not is_in(third) and is_in(here) and is_in(foreign)
    ended = Event.objects.filter(action="session.ended")
    assert ended.count() == 2 and ended[0].sentence == "ana (Support agent) ended a session of person “ana”"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Edg/131.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Firefox/133.0", "Firefox on macOS"),
        ("Mozilla/5.0 (Linux; Android 15) Firefox/133.0", "Firefox on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_short(agent, words):
    assert browser_words(agent) == words


def test_users_cannot_end_sessions_of_others(ana, person):
    person("ben", "Support agent", PASSPHRASE)
    ben = Client()
    ben.post("/accounts/login/", {"login": "ben", "password": PASSPHRASE})
    number = UserSession.objects.get().pk
    assert (
        b"had already ended"
        in signed_in().post("/accounts/sessions/", {"session": number}, follow=True).content
    )
    assert is_in(ben)


def test_the_button_never_ends_the_session_that_asks(ana):
    browser = signed_in()
    browser.post("/accounts/sessions/", {"session": UserSession.objects.get().pk})
    assert is_in(browser)


def test_workers_empty_expired_sessions_and_keep_the_others(ana, monkeypatch):
    housekeeping = periodic.HOUSEKEEPING.get("expired sessions")
    monkeypatch.setattr(periodic, "HOUSEKEEPING", registry_of({"expired sessions": housekeeping}))
    monkeypatch.setattr(housekeeping, "due_at", 0)
    browser, gone = signed_in(), signed_in()
    Session.objects.filter(pk=gone.session.session_key).update(expire_date=timezone.now())
    long_ago = timezone.now() - timedelta(days=1)
    UserSession.objects.filter(session_key=gone.session.session_key).update(created_at=long_ago)
    periodic.run_housekeeping()
    key = browser.session.session_key
    assert list(Session.objects.values_list("pk", flat=True)) == [key]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [key]
    assert is_in(browser)


@pytest.mark.parametrize(
    ("marks", "words"),
    [({"seen_at": 15 * 60}, "inactive for too long"), ({"began_at": 8 * 3600}, "maximum length")],
)
def test_the_sign_in_page_says_why_the_session_ended(ana, marks, words):
    browser = signed_in()
    moved(browser, **marks)
    assert words in browser.get(PAGE, follow=True).content.decode()
    assert not Session.objects.exists()


def test_the_sign_in_page_says_why_a_session_ended_only_to_its_user(ana):
    browser = signed_in()
    Session.objects.all().delete()
    assert "you or an admin ended it" in browser.get(PAGE, follow=True).content.decode()
    assert "signed out" not in Client().get(PAGE, follow=True).content.decode()
    browser = signed_in()
    browser.post("/accounts/logout/")
    assert "signed out" not in browser.get("/accounts/login/").content.decode().lower()


def test_signing_out_has_the_browser_forget_its_pages(ana):
    assert signed_in().post("/accounts/logout/")["Clear-Site-Data"] == '"cache"'


@pytest.mark.parametrize("mode", ["cors", "same-origin", "navigate"])
def test_a_late_answer_to_a_script_does_not_undo_a_sign_in_in_another_tab(ana, mode):
    """The answer to a request of the dead session arrives when the cookie is that of the new session."""
    browser, late = signed_in(), Client()
    late.cookies["portal-session"] = browser.cookies["portal-session"].value
    moved(browser, seen_at=15 * 60)
    answer = late.get("/accounts/keep-alive/", headers={"Sec-Fetch-Mode": mode})
    assert answer.status_code != 200
    deleted = "portal-session" in answer.cookies and not answer.cookies["portal-session"].value
    assert deleted == (mode == "navigate")


def test_a_late_answer_to_a_script_does_not_bring_back_an_old_form_token(ana):
    """Signing in changes the cookie that the tokens of forms belong to; a later answer has the old one."""
    browser, late = signed_in(), Client()
    late.cookies["portal-session"] = browser.cookies["portal-session"].value
    late.cookies["csrftoken"] = "a" * 32
    script = {"Sec-Fetch-Mode": "cors"}
    assert "csrftoken" not in late.get("/accounts/keep-alive/", headers=script).cookies
    del late.cookies["csrftoken"]
    assert "csrftoken" in late.get("/accounts/keep-alive/", headers=script).cookies


LOST = "your last click was not carried out"


def test_a_click_that_was_lost_by_the_end_of_the_session_is_announced_after_the_sign_in(ana):
    browser = signed_in()
    browser.cookies.pop("portal-session")
    answer = browser.post("/accounts/profile/", {"first_name": "Lost"})
    login = {"login": "ana", "password": PASSPHRASE, "next": PAGE}
    landed = browser.post(answer["Location"], login)
    assert landed["Location"] == PAGE
    assert LOST in browser.get(PAGE).content.decode()
    assert LOST not in browser.get(PAGE).content.decode()


def test_a_page_that_was_only_opened_announces_no_lost_click(ana):
    browser = Client()
    answer = browser.get(PAGE)
    browser.post("/drafts/save/", {}, headers={"Sec-Fetch-Mode": "cors"})
    browser.post(answer["Location"], {"login": "ana", "password": PASSPHRASE, "next": PAGE})
    assert LOST not in browser.get(PAGE).content.decode()
