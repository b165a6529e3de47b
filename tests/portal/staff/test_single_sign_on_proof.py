"""Single sign-on and proof: the portal's own second factor, and step-up at the provider."""

import time

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from portal.audit.models import Event
from portal.staff.mfa import unlock_secrets
from portal.staff.models import User
from tests.openid.provider import Visitor

CONFIRM = "/accounts/sso/confirm/"
INDEX = "/accounts/second-factor/"


@pytest.fixture
def nora(provider, journey):
    """Nora, an admin by her group, who signed in: her browser here, and the one at the provider."""
    provider.person("nora", "portal-admins")
    browser, _, visitor = journey("nora")
    return browser, visitor


def aged(browser):
    """As if she had proved who she is eleven minutes ago."""
    session = browser.session
    session["proved_at"] = int(time.time()) - 11 * 60
    session.save()


def confirmed(browser, visitor, wanted="/staff/new/"):
    """Goes to the provider to confirm, and comes back."""
    leaving = browser.post(CONFIRM, {"next": wanted})
    back = visitor.consent(leaving.context["address"])
    return browser.get(back.removeprefix("http://testserver"))


def test_a_recent_password_at_the_provider_counts_as_step_up(nora):
    assert nora[0].get("/staff/new/").status_code == 200


def test_a_remembered_session_at_the_provider_does_not_count_as_step_up(provider, nora, journey):
    _, visitor = nora
    provider.person("nora", "portal-admins", auth_time=int(time.time()) - 3600)
    browser, answer, _ = journey("nora", visitor=visitor)
    assert answer["Location"] == "/" and browser.get("/staff/new/").status_code == 302


@pytest.mark.parametrize("stated", [None, "now", True, -1, 99999999999])
def test_a_provider_that_does_not_say_when_proves_nothing(provider, journey, stated):
    provider.person("nora", "portal-admins", auth_time=stated)
    assert journey("nora")[0].get("/staff/new/").status_code == 302


def test_step_up_asks_at_the_provider_and_comes_back(nora):
    browser, visitor = nora
    aged(browser)
    before = browser.session.session_key
    asked = browser.get("/staff/new/")
    there = browser.get(asked["Location"])
    assert there["Location"].startswith(CONFIRM)
    assert b'value="/staff/new/"' in browser.get(there["Location"]).content
    leaving = browser.post(CONFIRM)
    assert "prompt=login" in leaving.context["address"] and "max_age=0" in leaving.context["address"]
    assert confirmed(browser, visitor)["Location"] == "/staff/new/"
    assert browser.get("/staff/new/").status_code == 200 and browser.session.session_key != before
    assert Event.objects.filter(action="session.stepped_up").count() == 1


def test_a_provider_that_did_not_ask_again_confirms_nothing(provider, nora):
    browser, visitor = nora
    aged(browser)
    provider.person("nora", "portal-admins", auth_time=int(time.time()) - 3600)
    answer = confirmed(browser, visitor)
    assert answer.status_code == 403 and b"did not ask for your password" in answer.content
    assert browser.get("/staff/new/").status_code == 302


def test_another_user_at_the_provider_cannot_confirm_step_up(provider, nora):
    browser, _ = nora
    aged(browser)
    provider.person("eve", "portal-admins")
    answer = confirmed(browser, Visitor(provider, "eve"))
    assert answer.status_code == 403 and b"a different user" in answer.content
    assert browser.get("/staff/new/").status_code == 302
    assert b"nora" in browser.get("/staff/").content  # and the session is still hers


def test_step_up_there_is_for_those_who_sign_in_there(provider, admin, client_of):
    browser = client_of(admin)
    assert browser.get(CONFIRM).status_code == 404 and browser.post(CONFIRM).status_code == 404


def test_the_portals_second_factor_is_asked_for_after_the_provider(provider, nora, journey, settings):
    settings.MFA_ROLES = ["*"]
    browser, visitor = nora
    assert browser.get("/")["Location"] == INDEX
    person = User.objects.get()
    with unlock_secrets(person):
        TOTP.activate(person, generate_totp_secret())
    other, answer, _ = journey("nora", visitor=visitor)
    assert answer["Location"] == "/accounts/second-factor/code/"
    assert other.get("/").status_code == 302


def test_unless_the_provider_is_trusted_to_ask_itself(provider, nora, journey, settings):
    settings.MFA_ROLES, settings.OIDC_TRUST_SECOND_FACTOR = ["*"], True
    browser, visitor = nora
    assert browser.get("/").status_code == 200
    person = User.objects.get()
    with unlock_secrets(person):
        TOTP.activate(person, generate_totp_secret())
    assert journey("nora", visitor=visitor)[0].get("/").status_code == 200


def test_that_trust_does_not_cover_users_with_a_password(provider, person, settings, client_of):
    settings.MFA_ROLES, settings.OIDC_TRUST_SECOND_FACTOR = ["*"], True
    assert client_of(person("ana", "Support agent")).get("/")["Location"] == INDEX
