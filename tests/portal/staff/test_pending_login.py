"""A sign-in that waits for its second step: it holds no longer than the sessions of the person would."""

import pytest
from allauth.mfa.models import Authenticator

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.staff.mfa_forms import CodeForm
from portal.staff.mfa_resets import remove_second_factors
from portal.staff.models import User
from portal.staff.password_links import make_password_link
from portal.staff.services import disable_user, enable_user, set_password, sign_out_user
from tests.conftest import PASSPHRASE
from tests.portal.staff.test_mfa import CODE, code_of, is_in, past_the_password, still  # noqa: F401

ORIGIN = get_system_origin("an admin")
ENDED = {
    "a new link": lambda ana: make_password_link(by=None, origin=ORIGIN, user=ana),
    "signed out everywhere": lambda ana: sign_out_user(by=None, origin=ORIGIN, user=ana),
    "another password": lambda ana: set_password(origin=ORIGIN, user=ana, password="quite another one, long"),
    "disabled and enabled": lambda ana: [
        step(by=None, origin=ORIGIN, user=ana) for step in (disable_user, enable_user)
    ],
}


@pytest.mark.parametrize("ended", ENDED)
def test_what_ends_the_sessions_of_a_person_ends_a_sign_in_between_its_steps(secret, ana, ended):
    browser = past_the_password()
    ENDED[ended](ana)
    answer = browser.post(CODE, {"code": code_of(secret)}, follow=True)
    assert answer.redirect_chain == [("/accounts/login/", 302)] and b"Sign in again" in answer.content
    assert not is_in(browser) and b'name="password"' in browser.get("/accounts/login/").content
    assert Event.objects.get(action="session.sign_in_failed").code == "first_step_over"
    assert User.objects.get().totp_step == 0  # nobody looked at the code


def test_sessions_ended_while_the_code_is_looked_at_end_that_sign_in_too(secret, ana, monkeypatch):
    browser, save = past_the_password(), CodeForm.save

    def meanwhile(form):
        sign_out_user(by=None, origin=ORIGIN, user=ana)
        return save(form)

    monkeypatch.setattr(CodeForm, "save", meanwhile)
    answer = browser.post(CODE, {"code": code_of(secret)}, follow=True)
    assert b"Sign in again" in answer.content and not is_in(browser)
    assert not Event.objects.filter(action="session.signed_in").exists()


def removed_by_admins(ana):
    """Her second factor, by a reset."""
    remove_second_factors(origin=ORIGIN, user=ana, reason="She lost her phone.")


def removed_by_herself(ana):
    """Her second factor, in another browser of hers."""
    Authenticator.objects.filter(user=ana).delete()


@pytest.mark.parametrize("path", [CODE, "/accounts/login/"])
@pytest.mark.parametrize("removed", [removed_by_admins, removed_by_herself])
def test_a_pending_sign_in_starts_again_once_its_factor_is_removed(secret, ana, removed, path):
    browser = past_the_password()
    removed(ana)
    answer = browser.get(path, follow=True)
    assert answer.status_code == 200 and b'name="password"' in answer.content and not is_in(browser)
    browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    assert is_in(browser)


def test_the_sign_in_page_takes_the_password_again_where_the_first_one_is_over(secret, ana):
    browser = past_the_password()
    sign_out_user(by=None, origin=ORIGIN, user=ana)
    answer = browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    assert answer["Location"] == CODE
    browser.post(CODE, {"code": code_of(secret)})
    assert is_in(browser)
