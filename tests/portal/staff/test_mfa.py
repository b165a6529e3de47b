"""The second factor: asked for after the password, required by policy, one code opens one door once."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import Client
from django.urls import reverse

from portal.audit.models import Event
from portal.staff.mfa import (
    get_second_factors,
    policy_names_roles,
    require_known_roles,
    unlock_secrets,
    wrap_secret,
)
from portal.staff.models import User
from provisioning.encryption import KeyringError
from tests.conftest import PASSPHRASE

CODE = "/accounts/second-factor/code/"
APP = "/accounts/second-factor/app/"
INDEX = "/accounts/second-factor/"


def code_of(secret, steps=0):
    """Return the code of the app now, or a number of half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def wrong_code_of(secret):
    """Six digits that are not it."""
    return f"{(int(code_of(secret)) + 1) % 1_000_000:06}"


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """A code lives half a minute: the clock of codes stands still, however long the test takes."""
    moment = time.time()
    clock = SimpleNamespace(time=lambda: moment)
    for module in ("portal.staff.mfa", "allauth.mfa.totp.internal.auth", __name__):
        monkeypatch.setattr(f"{module}.time", clock)


def past_the_password():
    """A browser that gave Ana's password."""
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    assert answer.status_code == 302
    return browser


def proved(browser, **marks):
    """As if the person had given both proofs again just now that a change of second factors takes."""
    session, now = browser.session, int(time.time())
    session.update({"password_again_at": now, "factor_again_at": now} | marks)
    session.save()
    return browser


def is_in(browser):
    """Whether the browser is signed in."""
    return browser.get("/accounts/profile/").status_code == 200


def test_a_password_without_second_factor_does_not_sign_in(secret):
    browser = past_the_password()
    assert not is_in(browser) and browser.get("/")["Location"].startswith("/accounts/login/")
    assert browser.get(CODE).status_code == 200
    assert browser.post(CODE, {"code": wrong_code_of(secret)}).status_code == 200
    assert not is_in(browser)
    assert browser.post(CODE, {"code": code_of(secret)}).status_code == 302
    assert is_in(browser)
    actions = list(Event.objects.order_by("sequence").values_list("action", flat=True))
    assert actions == ["second_factor.failed", "session.signed_in"]
    assert Event.objects.first().message == "password, authenticator app"


def test_one_code_sixteen_times_in_parallel_opens_once(committed_db, secret, settings):
    settings.LOGIN_ATTEMPTS = 100
    settings.ACCOUNT_RATE_LIMITS = False
    browsers = [past_the_password() for _ in range(16)]
    code = code_of(secret)

    def tried(browser):
        try:
            return browser.post(CODE, {"code": code}).status_code == 302
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(tried, browsers)) == 1
    assert Event.objects.filter(action="session.signed_in").count() == 1
    assert sum(is_in(browser) for browser in browsers) == 1


def test_users_without_a_passkey_are_not_asked_for_one(secret):
    page = past_the_password().get(CODE).content
    assert b"authenticator app" in page and b"Use a passkey" not in page


@pytest.mark.parametrize("steps", [-1, 1])
def test_only_the_code_of_now_counts(secret, steps):
    browser = past_the_password()
    browser.post(CODE, {"code": code_of(secret, steps)})
    assert not is_in(browser)


def test_five_wrong_codes_lock_and_the_right_password_between_does_not_help(secret, ana):
    wrong = wrong_code_of(secret)
    for _ in range(5):
        past_the_password().post(CODE, {"code": wrong})
    browser = past_the_password()
    assert b"Too many failed" in browser.post(CODE, {"code": code_of(secret)}).content
    assert not is_in(browser)
    assert Event.objects.filter(action="session.sign_in_locked").count() == 1


@pytest.mark.parametrize("code", ["\0", "x" * 300, "", "🙂", "-1"])
def test_strange_codes_break_nothing(secret, code):
    browser = past_the_password()
    assert browser.post(CODE, {"code": code}).status_code == 200 and not is_in(browser)


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"id": 1}',
        '{"id":"a","rawId":"!","response":{}}',
        pytest.param("9" * 5000, id="digits"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("[" * 99 + "]" * 99, id="nested"),
        pytest.param('{"a":' * 990 + "1" + "}" * 990, id="objects"),
    ],
)
def test_strange_answers_of_keys_break_nothing(secret, ana, client_of, credential):
    browser = past_the_password()
    browser.get(CODE)
    assert browser.post(CODE, {"credential": credential}).status_code == 200 and not is_in(browser)
    owner = proved(client_of(ana))
    page = reverse("mfa_add_webauthn")
    owner.get(page)
    assert owner.post(page, {"credential": credential}).status_code == 200, "and no word of stored passkeys"
    assert get_second_factors(ana) == ["authenticator app"]


def test_secrets_are_encrypted_for_their_user(secret, ana, person):
    ben = person("ben", "Support agent", PASSPHRASE)
    row = Authenticator.objects.get()
    assert secret not in str(row.data) and row.data["secret"].startswith("v1.")
    with unlock_secrets(ana):
        assert wrap_secret(row) == secret
    with unlock_secrets(ben), pytest.raises(KeyringError):
        wrap_secret(row)


def set_up(browser):
    """Sets up an app as a person does; the secret on the page."""
    page = browser.get(APP)
    shown = page.context["form"].secret
    assert "data:image/svg+xml" in page.content.decode() and shown in page.content.decode()
    stored = "".join(Session.objects.values_list("session_data", flat=True))
    assert shown not in stored and shown not in str(dict(browser.session))
    assert browser.post(APP, {"code": wrong_code_of(shown)}).status_code == 200
    done = browser.post(APP, {"code": code_of(shown)})
    assert done["Location"] == reverse("mfa_view_recovery_codes")
    return shown


def test_setting_up_an_app_shows_recovery_codes_once(ana, client_of):
    browser = client_of(ana)
    assert b"Set up an app" in browser.get(INDEX).content
    set_up(browser)
    first = browser.get(reverse("mfa_view_recovery_codes"))
    codes = first.context["unused_codes"]
    assert len(codes) == 10 and codes[0].encode() in first.content
    assert codes[0].encode() not in browser.get(reverse("mfa_view_recovery_codes")).content
    assert codes[0] not in str(list(Authenticator.objects.values_list("data", flat=True)))
    added = Event.objects.get(action="second_factor.added")
    assert added.sentence == "ana (Support agent) added a second factor: authenticator app"
    assert b"Remove the app" in browser.get(INDEX).content
    for _ in range(2):  # each recovery code works once
        other = past_the_password()
        other.post(CODE, {"code": codes[3]})
        opened = is_in(other)
        assert opened == (_ == 0)


def test_one_recovery_code_in_parallel_opens_once(committed_db, ana, secret, settings):
    settings.LOGIN_ATTEMPTS = 100
    settings.ACCOUNT_RATE_LIMITS = False
    with unlock_secrets(ana):
        code = RecoveryCodes.activate(ana).get_unused_codes()[0]
    browsers = [past_the_password() for _ in range(8)]

    def tried(browser):
        try:
            return browser.post(CODE, {"code": code}).status_code == 302
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(tried, browsers)) == 1


def test_people_remove_their_app_and_make_new_codes(ana, client_of):
    browser = client_of(ana)
    set_up(browser)
    new = reverse("mfa_generate_recovery_codes")
    assert b"current codes stop" in browser.get(new).content
    assert browser.post(new)["Location"] == reverse("mfa_view_recovery_codes")
    remove = reverse("mfa_deactivate_totp")
    assert browser.get(remove).status_code == 200
    assert browser.post(remove).status_code == 302
    assert not Authenticator.objects.exists()
    assert Event.objects.filter(action__in=["second_factor.removed", "second_factor.codes_made"]).count() == 2


@pytest.mark.parametrize("name", ["mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes"])
def test_changing_it_needs_a_fresh_password(ana, secret, client_of, name):
    browser = client_of(ana)
    session = browser.session
    session["proved_at"] = 0
    session.save()
    assert browser.get(reverse(name))["Location"].startswith("/accounts/confirm/")


def test_where_policy_requires_it_no_page_opens_before_it_is_set_up(settings, ana, client_of):
    settings.MFA_ROLES = ["Support agent"]
    browser = client_of(ana)
    for path in ("/", "/changes/", "/staff/", "/accounts/profile/", "/accounts/password/change/", "/search/"):
        assert browser.get(path)["Location"] == INDEX, path
    assert browser.get(INDEX).status_code == 200
    set_up(browser)
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(("roles", "asked"), [(["*"], True), (["Admin"], False), ([], False)])
def test_policy_is_a_setting_by_role(settings, ana, client_of, roles, asked):
    settings.MFA_ROLES = roles
    assert (client_of(ana).get("/").status_code == 302) == asked


def test_a_policy_for_an_unknown_role_is_an_error_at_the_start(settings, db):
    settings.MFA_ROLES = ["Agents", "Admin"]
    with pytest.raises(ImproperlyConfigured, match="no role: Agents"):
        require_known_roles()
    assert policy_names_roles(databases=["default"])[0].id == "portal.E003"
    Group.objects.create(name="Agents")
    require_known_roles()
    assert policy_names_roles(databases=["default"]) == []


def test_a_user_disabled_between_password_and_code_is_refused(secret, ana):
    browser = past_the_password()
    User.objects.filter(pk=ana.pk).update(is_active=False)
    browser.post(CODE, {"code": code_of(secret)})
    assert Event.objects.get().code == "disabled"
    User.objects.filter(pk=ana.pk).update(is_active=True)
    assert not is_in(browser)


def test_a_late_code_does_not_make_the_password_before_it_younger(secret):
    browser = past_the_password()
    session = browser.session
    session["account_authentication_methods"][0]["at"] -= 11 * 60
    given_at = session["account_authentication_methods"][0]["at"]
    session.save()
    browser.post(CODE, {"code": code_of(secret)})
    assert is_in(browser)
    assert browser.session["proved_at"] <= given_at
    assert browser.get(APP)["Location"].startswith("/accounts/confirm/")
