"""One-time links: used once, in time, by someone who may come in; mailed, renewed or withdrawn by admins."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connections
from django.test import Client
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.staff.models import PasswordLink, User
from portal.staff.password_links import make_password_link
from tests.conftest import PASSPHRASE

ORIGIN = get_system_origin("tests")
FORM = "/accounts/password/set/"
NEW = "a new and long passphrase"
INVITED = {"username": "nia", "first_name": "Nia", "last_name": "", "email": "nia@example.com",
           "role": "Support agent"}  # fmt: skip


@pytest.fixture
def ana(person):
    """Ana, with a passphrase."""
    return person("ana", "Support agent", PASSPHRASE, email="ana@example.com")


@pytest.fixture
def mailing(settings):
    """A portal that sends mail; pytest-django keeps it in mail.outbox."""
    settings.MAIL_ON = True


def link_for(person):
    """A one-time link."""
    return make_password_link(by=None, origin=ORIGIN, user=person)


def opened(link):
    """A browser that followed the link to the form."""
    browser = Client()
    assert browser.get(link)["Location"] == FORM
    return browser


def used(browser, password=NEW):
    """Sends the form; whether a password was set."""
    answer = browser.post(FORM, {"password1": password, "password2": password})
    return answer.status_code == 302 and answer["Location"] == "/accounts/login/"


def sign_in(browser, passphrase):
    """Whether ana gets in."""
    return browser.post("/accounts/login/", {"login": "ana", "password": passphrase}).status_code == 302


def test_a_link_sets_a_password_once(ana):
    link = link_for(ana)
    assert not sign_in(Client(), PASSPHRASE)  # the old one is gone
    browser = opened(link)
    assert b"sign in as <strong>ana" in browser.get(FORM).content
    assert used(browser)
    assert b"Sign in as ana" in browser.get("/accounts/login/").content
    assert sign_in(browser, NEW)
    changed = Event.objects.get(action="staff.password_changed")
    assert changed.actor_name == "ana" and changed.object_guid == str(ana.pk)
    again = opened(link)
    assert "doesn’t work".encode() in again.get(FORM).content and not used(again)


def test_nothing_that_opens_the_link_is_kept_anywhere(ana):
    link = link_for(ana)
    key = link.split("/")[-2]
    browser = opened(link)
    stored = [session.get_decoded() for session in Session.objects.all()]
    assert stored and key not in str(stored) and key not in str(list(PasswordLink.objects.values()))
    assert key not in str(list(Event.objects.values()))
    assert used(browser)
    assert "password_link" not in browser.session and not PasswordLink.objects.exists()


def test_the_link_of_a_disabled_person_does_not_work_however_far_they_got(ana, admin, client_of):
    link = link_for(ana)
    halfway = opened(link)
    assert client_of(admin).post(f"/staff/{ana.pk}/disable/", {"reason": "left"}).status_code == 302
    before = User.objects.get(pk=ana.pk).password
    assert "doesn’t work".encode() in halfway.get(FORM).content
    assert not used(halfway) and not used(opened(link))
    client_of(admin).post(f"/staff/{ana.pk}/enable/")
    assert not used(opened(link))  # it does not come back either
    assert User.objects.get(pk=ana.pk).password == before


def test_a_disabled_person_gets_no_new_link(ana, admin, client_of):
    User.objects.filter(pk=ana.pk).update(is_active=False)
    answer = client_of(admin).post(f"/staff/{ana.pk}/link/")
    assert answer.status_code == 409 and b"Enable them first" in answer.content


def test_in_production_the_link_of_a_demo_person_does_not_work(ana, settings):
    User.objects.filter(pk=ana.pk).update(is_demo=True)
    browser = opened(link_for(ana))
    settings.PRODUCTION = True
    assert not used(browser)


def test_a_newer_link_ends_the_older_and_open_sessions(ana):
    inside = Client()
    assert sign_in(inside, PASSPHRASE)
    older, newer = link_for(ana), link_for(ana)
    assert inside.get("/").status_code == 302
    assert not used(opened(older)) and used(opened(newer))


def test_a_link_ends_after_its_time(ana):
    browser = opened(link_for(ana))
    PasswordLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not used(browser) and "doesn’t work".encode() in browser.get(FORM).content


def test_one_link_sixteen_times_in_parallel_sets_one_password(committed_db, ana):
    link = link_for(ana)
    browsers = [opened(link) for _ in range(16)]

    def tried(number):
        try:
            return used(browsers[number], f"a long passphrase number {number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(tried, range(16))) == 1
    assert Event.objects.filter(action="staff.password_changed").count() == 1


def test_a_weak_password_is_refused_with_the_reason_and_the_link_stays(ana):
    browser = opened(link_for(ana))
    response = browser.post(FORM, {"password1": "short", "password2": "short"})
    assert response.status_code == 200 and b"at least 15" in response.content
    assert used(browser)


def test_the_user_signed_in_in_that_browser_is_signed_out(ana, person):
    person("ben", "Support agent", PASSPHRASE)
    browser = Client()
    browser.post("/accounts/login/", {"login": "ben", "password": PASSPHRASE})
    browser.get(link_for(ana))
    assert used(browser)
    assert browser.get("/")["Location"].startswith("/accounts/login/")
    assert Event.objects.get(action="session.signed_out").actor_name == "ben"


def test_an_admin_withdraws_a_link(ana, admin, client_of):
    link, browser, page = link_for(ana), client_of(admin), f"/staff/{ana.pk}/"
    assert b"Withdraw the link" in browser.get(page).content
    assert browser.post(page + "link/withdraw/").status_code == 302
    assert not used(opened(link))
    assert Event.objects.get(action="staff.password_link_withdrawn").actor_id == admin.pk
    assert browser.post(page + "link/withdraw/").status_code == 409


def test_an_invitation_is_mailed_and_its_link_signs_the_person_in(admin, client_of, mailing):
    browser = client_of(admin)
    answer = browser.post("/staff/new/", INVITED | {"mail": "1"})
    nia = User.objects.get(username="nia")
    assert answer["Location"] == f"/staff/{nia.pk}/"
    (sent,) = mail.outbox
    assert sent.to == ["nia@example.com"] and "username is nia" in sent.body
    (link,) = re.findall(r"http://testserver(/\S+)", sent.body)
    page = browser.get(f"/staff/{nia.pk}/").content.decode()
    assert "mailed to nia@example.com" in page and "Invited" in page and link not in page
    assert link.split("/")[-2] not in str(list(Event.objects.values()))
    assert Event.objects.get(action="staff.password_link_mailed").outcome == "success"
    assert used(opened(link))


def test_an_invitation_by_mail_needs_an_address(admin, client_of, mailing):
    answer = client_of(admin).post("/staff/new/", INVITED | {"mail": "1", "email": ""})
    assert answer.status_code == 422 and b"an email address to send" in answer.content and not mail.outbox


def test_where_the_mail_server_refuses_the_link_is_shown_instead(ana, admin, client_of, mailing, monkeypatch):
    def refuse(self, **_):
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailMessage, "send", refuse)
    answer = client_of(admin).post(f"/staff/{ana.pk}/link/", {"mail": "1"})
    text = answer.content.decode()
    assert "did not accept the email" in text
    assert used(opened(re.search(r"http://testserver(/accounts/password/set/[^<\"]+)", text).group(1)))
    assert Event.objects.get(action="staff.password_link_mailed").outcome == "failed"


def test_without_mail_only_the_link_is_offered(ana, admin, client_of, settings):
    settings.MAIL_ON = False
    browser = client_of(admin)
    for page in ("/staff/new/", f"/staff/{ana.pk}/link/"):
        assert b'name="mail"' not in browser.get(page).content
    assert browser.post(f"/staff/{ana.pk}/link/", {"mail": "1"}).status_code == 409
    assert not mail.outbox


def test_an_invitation_that_ended_is_shown_and_renewed(admin, client_of):
    browser = client_of(admin)
    browser.post("/staff/new/", INVITED)
    PasswordLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert b"Invitation expired" in browser.get("/staff/").content
    nia = User.objects.get(username="nia")
    assert b"Create a new one-time link" in browser.get(f"/staff/{nia.pk}/").content
    browser.post(f"/staff/{nia.pk}/link/")
    assert b"Invited" in browser.get("/staff/").content


def test_guessed_links_make_no_sessions(ana):
    for number in range(5):
        browser = opened(f"/accounts/password/set/guess-{number}/")
        assert "doesn’t work".encode() in browser.get(FORM).content
    assert not Session.objects.exists()


def test_a_guess_after_a_link_that_works_opens_nothing(ana):
    browser = opened(link_for(ana))
    browser.get("/accounts/password/set/guess/")
    assert not used(browser)


def test_a_page_says_what_the_link_ends_before_it_is_made(ana, admin, client_of, mailing):
    inside, browser = Client(), client_of(admin)
    assert sign_in(inside, PASSPHRASE)
    page = browser.get(f"/staff/{ana.pk}/").content.decode()
    assert f'href="/staff/{ana.pk}/link/"' in page and f'action="/staff/{ana.pk}/link/"' not in page
    asked = browser.get(f"/staff/{ana.pk}/link/").content.decode()
    assert "their password stops working" in asked and "1 open session ends" in asked
    assert inside.get("/").status_code == 200 and not PasswordLink.objects.exists()  # it only asks


def test_who_is_handed_a_link_hears_of_it_by_mail_without_the_link(ana, admin, client_of, mailing):
    page = client_of(admin).post(f"/staff/{ana.pk}/link/").content.decode()
    link = re.search(r"http://testserver/accounts/password/set/([^/]+)/", page).group(1)
    (sent,) = mail.outbox
    assert sent.to == ["ana@example.com"] and "Ada Admin created a one-time link" in sent.body
    assert link not in sent.body


@pytest.mark.parametrize("by_mail", [{}, {"mail": "1"}])
def test_a_limited_invited_user_has_no_access_until_the_next_step(admin, client_of, mailing, by_mail):
    browser = client_of(admin)
    answer = browser.post("/staff/new/", INVITED | {"is_limited": "on"} | by_mail)
    nia = User.objects.get(username="nia")
    reach = f"/staff/{nia.pk}/tenants/"
    assert answer["Location"] == reach if by_mail else f'href="{reach}"' in answer.content.decode()
    assert nia.is_limited and not nia.tenant_access.has_connection("sandbox")
    assert Event.objects.get(action="staff.created").after_data["is_limited"] is True
    assert browser.get(reach).status_code == 200


def test_who_is_invited_without_a_limit_works_everywhere(admin, client_of):
    answer = client_of(admin).post("/staff/new/", INVITED)
    assert User.objects.get(username="nia").tenant_access.everywhere and b"Next: choose" not in answer.content
