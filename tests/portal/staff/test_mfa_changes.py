"""Changing second factors takes the password and a factor, both given again; owner and admins hear of it."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core import mail
from django.test import Client
from django.urls import reverse

from portal.audit.models import Event
from portal.staff.mfa import unlock_secrets
from tests.conftest import PASSPHRASE

CONFIRM, FACTOR = "/accounts/confirm/", "/accounts/second-factor/confirm/"
CODE = "/accounts/second-factor/code/"
CHANGES = [
    "mfa_deactivate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes", "mfa_view_recovery_codes",
]  # fmt: skip


@pytest.fixture
def ana(person):
    """Ana, with a passphrase and an address."""
    return person("ana", "Support agent", PASSPHRASE, email="ana@example.com")


@pytest.fixture
def app(ana):
    """Her app: app(steps) is the code that many half minutes later."""
    secret = generate_totp_secret()
    with unlock_secrets(ana):
        TOTP.activate(ana, secret)
        RecoveryCodes.activate(ana)
    return lambda steps=0: format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


@pytest.fixture
def codes(ana, app):
    """Her unused recovery codes."""
    with unlock_secrets(ana):
        found = Authenticator.objects.get(user=ana, type=Authenticator.Type.RECOVERY_CODES)
        return found.wrap().get_unused_codes()


@pytest.fixture
def browser(ana, codes):
    """Her browser, just signed in with password and second factor."""
    made = Client()
    made.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    assert made.post(CODE, {"code": codes[0]}).status_code == 302
    return made


@pytest.fixture
def mailing(settings, django_capture_on_commit_callbacks):
    """A portal with a mail server; within mailing() what waits for the commit is done at its end."""
    settings.MAIL_ON = True
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.mark.parametrize(
    ("name", "method"), [*((name, "get") for name in CHANGES), *((name, "post") for name in CHANGES[:3])]
)
def test_even_just_after_sign_in_both_proofs_are_asked_for(browser, codes, name, method):
    page, before = reverse(name), Authenticator.objects.count()
    assert getattr(browser, method)(page)["Location"] == f"{CONFIRM}?next={page}"
    assert browser.post(CONFIRM, {"password": PASSPHRASE, "next": page})["Location"] == page
    assert getattr(browser, method)(page)["Location"] == f"{FACTOR}?next={page}"
    assert Authenticator.objects.count() == before
    assert browser.post(FACTOR, {"code": "000000", "next": page}).status_code == 200
    assert getattr(browser, method)(page)["Location"] == f"{FACTOR}?next={page}"
    assert browser.post(FACTOR, {"code": codes[1], "next": page})["Location"] == page
    assert browser.get(page).status_code == 200


def test_a_factor_without_the_password_does_not_do(browser, codes):
    assert browser.post(FACTOR, {"code": codes[1], "next": "/"}).status_code == 302
    page = reverse("mfa_deactivate_totp")
    assert browser.post(page)["Location"] == f"{CONFIRM}?next={page}"
    assert Authenticator.objects.filter(type="totp").exists()


@pytest.mark.parametrize("mark", ["password_again_at", "factor_again_at"])
def test_proofs_grow_old(browser, mark):
    session, now = browser.session, int(time.time())
    session.update({"password_again_at": now, "factor_again_at": now} | {mark: now - 601})
    session.save()
    assert browser.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert Authenticator.objects.filter(type="totp").exists()


def test_wrong_codes_are_counted_and_recorded(browser, codes):
    for _ in range(5):
        assert browser.post(FACTOR, {"code": "000000"}).status_code == 200
    assert b"Too many failed attempts" in browser.post(FACTOR, {"code": codes[1]}).content
    assert Event.objects.filter(action="second_factor.failed").count() == 6


def test_a_code_leads_to_no_other_origin(browser, codes):
    wanted = "https://evil.example/"
    assert browser.post(FACTOR, {"code": codes[1], "next": wanted})["Location"] == reverse("mfa_index")


def test_the_owner_and_admins_hear_of_each_change(browser, codes, admin, client_of, mailing):
    admin.email = "ada@example.com"
    admin.save()
    browser.post(CONFIRM, {"password": PASSPHRASE})
    browser.post(FACTOR, {"code": codes[1]})
    with mailing():
        assert browser.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert sorted(sent.to[0] for sent in mail.outbox) == ["ada@example.com", "ana@example.com"]
    assert all("authenticator app removed" in sent.body for sent in mail.outbox)
    for reader in (browser, client_of(admin)):
        page = reader.get("/").content.decode()
        assert "Recent sign-in changes" in page and "removed a second factor" in page


def test_a_new_password_is_reported_to_its_owner_and_admins_only(admin, manager, client_of, mailing, ana):
    browser = Client()
    browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    new = dict.fromkeys(("password1", "password2"), "another long passphrase")
    with mailing():
        browser.post("/accounts/password/change/", {"oldpassword": PASSPHRASE, **new})
    (sent,) = mail.outbox
    assert sent.to == ["ana@example.com"] and "new password" in sent.body
    assert b"Recent sign-in changes" in client_of(admin).get("/").content
    assert b"Recent sign-in changes" not in client_of(manager).get("/").content


def test_the_first_factor_takes_the_password_of_sign_in_and_shows_its_codes(ana):
    browser = Client()
    browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    assert browser.get(reverse("mfa_activate_totp")).status_code == 200
