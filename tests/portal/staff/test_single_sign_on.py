"""Single sign-on, the whole round trip with a real OpenID provider over HTTP: who comes in, and as what."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.sessions.models import Session
from django.test import Client

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.staff.mfa import unlock_secrets
from portal.staff.models import User
from portal.staff.services import StaffRefused, disable_user, withdraw_role
from tests.conftest import PASSPHRASE
from tests.openid.provider import Visitor

START, CALLBACK = "/accounts/sso/", "/accounts/sso/callback/"
CODE = "/accounts/second-factor/code/"
ORIGIN = get_system_origin("tests")
NORA = {"email": "nora@example.com", "first_name": "Nora", "last_name": "Nowak"}


def is_in(browser):
    """Whether the browser is signed in."""
    return browser.get("/accounts/profile/").status_code == 200


def failures():
    """Codes of failed sign-ins, oldest first."""
    rows = Event.objects.filter(action="session.sign_in_failed").order_by("sequence")
    return list(rows.values_list("code", flat=True))


def test_single_sign_on_has_no_button_and_no_address_without_a_provider(client_of, admin):
    assert b"Continue with" not in Client().get("/accounts/login/").content
    assert Client().post(START).status_code == 404 and Client().get(CALLBACK).status_code == 404
    assert client_of(admin).get("/accounts/sso/confirm/").status_code == 404


def test_the_first_sign_in_makes_the_person_with_the_role_of_their_group(provider, journey):
    subject = provider.person("nora", "staff", "support", email_verified=True, **NORA)
    assert b"Continue with Example ID" in Client().get("/accounts/login/").content
    browser, answer, _ = journey("nora")
    assert answer["Location"] == "/" and is_in(browser)
    nora = User.objects.get()
    assert (nora.username, nora.called, nora.email, nora.role) == (
        "nora", "Nora Nowak", "nora@example.com", "Support agent",
    )  # fmt: skip
    assert not nora.has_usable_password() and SocialAccount.objects.get().uid == subject
    actions = list(Event.objects.order_by("sequence").values_list("action", "actor_name"))
    assert actions == [("staff.created", "single sign-on"), ("session.signed_in", "Nora Nowak")]


def test_the_way_there_carries_state_nonce_and_a_challenge(provider):
    address = urlsplit(Client().post(START).context["address"])
    query = parse_qs(address.query)
    assert address.netloc == urlsplit(provider.url).netloc
    assert query["code_challenge_method"] == ["S256"] and len(query["code_challenge"][0]) == 43
    assert len(query["nonce"][0]) == 43 and len(query["state"][0]) >= 16
    assert "secret" not in str(query)


def test_at_the_second_sign_in_they_are_known_by_their_subject_and_follow_their_groups(provider, journey):
    provider.person("nora", "support", **NORA)
    journey("nora")
    provider.person("nora", "support", "portal-admins", **NORA | {"email": "new@example.com"})
    journey("nora")
    nora = User.objects.get()  # not a second one
    assert nora.role == "Admin"  # of two groups the one that the settings name first
    changed = Event.objects.get(action="staff.role_changed")
    assert changed.actor_name == "single sign-on" and changed.message == "Support agent → Admin"


def test_users_without_a_group_are_refused(provider, journey):
    provider.person("nils", "cooks")
    browser, answer, _ = journey("nils")
    assert answer.status_code == 403 and b"not in a group that has access" in answer.content
    assert not is_in(browser) and not User.objects.exists() and failures() == ["no_group"]


def test_users_removed_from_the_groups_lose_access_and_open_sessions(provider, journey):
    provider.person("nora", "support", **NORA)
    inside, _, _ = journey("nora")
    provider.person("nora", **NORA)
    browser, answer, _ = journey("nora")
    assert answer.status_code == 403 and not is_in(browser) and not is_in(inside)
    assert Event.objects.get(code="no_group").object_guid == str(User.objects.get().pk)


def test_disabled_people_stay_out_whatever_the_provider_says(provider, journey):
    provider.person("nora", "portal-admins", **NORA)
    journey("nora")
    User.objects.update(is_active=False)
    browser, answer, _ = journey("nora")
    assert answer.status_code == 403 and b"is disabled" in answer.content and not is_in(browser)


def test_neither_name_nor_address_takes_over_an_account_that_is_here(provider, journey, person):
    ada = person("ada", "Admin", PASSPHRASE, email="ada@example.com")
    provider.person("ada", "support", email="ada@example.com")
    browser, _, _ = journey("ada")
    assert b"ada.2" in browser.get("/accounts/profile/").content or User.objects.filter(username="ada.2")
    assert User.objects.get(pk=ada.pk).password == ada.password
    assert SocialAccount.objects.get().user.username == "ada.2"


def test_a_user_with_an_existing_name_is_shown_with_the_user_name(provider, journey, person):
    person("nowak", "Admin", first_name="Nora", last_name="Nowak")
    provider.person("nora", "support", **NORA)
    journey("nora")
    assert User.objects.get(username="nora").called == "Nora Nowak (nora)"


def test_a_signed_in_user_cannot_be_linked_to_a_provider_account(provider, client_of, person):
    ben = person("ben", "Support agent")
    browser = client_of(ben)
    for query in ("", "?process=connect"):
        assert browser.post(START + query)["Location"] == "/"
    assert not SocialAccount.objects.exists()


def test_the_last_admin_is_not_demoted_by_a_group(provider, journey):
    provider.person("nora", "portal-admins", **NORA)
    journey("nora")
    provider.person("nora", "support", **NORA)
    _, answer, _ = journey("nora")
    assert answer.status_code == 403 and b"last active admin" in answer.content
    assert User.objects.get().role == "Admin"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"forged": True}, "provider_failed"),
     ({"nonce": "to a different sign-in"}, "nonce"), ({"nonce": ""}, "nonce"),
     ({"userinfo_sub": "999"}, "subject"), ({"iss": "https://evil.example"}, "provider_failed"),
     ({"aud": "another-portal"}, "provider_failed"), ({"exp": 1}, "provider_failed")],
)  # fmt: skip
def test_a_token_that_was_not_made_for_this_sign_in_opens_nothing(provider, journey, wrong, code):
    provider.person("eve", "portal-admins", **wrong)
    browser, answer, _ = journey("eve")
    assert answer.status_code >= 400 and failures() == [code]
    assert not is_in(browser) and not User.objects.exists()


def test_an_answer_works_once_and_only_in_the_browser_that_asked(provider):
    provider.person("nora", "support", **NORA)
    browser = Client()
    back = Visitor(provider, "nora").consent(browser.post(START).context["address"])
    path = back.removeprefix("http://testserver")
    stranger = Client()
    assert stranger.get(path).status_code == 502 and not is_in(stranger)
    assert browser.get(path).status_code == 302 and is_in(browser)
    assert browser.get(path).status_code == 502


@pytest.mark.parametrize(
    "query", ["", "?error=access_denied", "?code=x", "?state=x&code=y", "?state=%00&code=%00", "?error=<b>"]
)
def test_strange_answers_are_explained_and_break_nothing(provider, query):
    answer = Client().get(CALLBACK + query)
    assert answer.status_code == 502 and b"did not confirm" in answer.content and b"<b>" not in answer.content


def test_a_provider_that_is_away_is_said_and_passwords_still_work(provider, settings, person):
    settings.OIDC_SERVER_URL = "http://127.0.0.1:9"
    answer = Client().post(START)
    assert answer.status_code == 502 and b"does not respond" in answer.content
    person("ana", "Support agent", PASSPHRASE)
    login = {"login": "ana", "password": PASSPHRASE}
    assert Client().post("/accounts/login/", login).status_code == 302


def test_another_provider_has_other_people(provider, journey, settings):
    provider.person("nora", "support", **NORA)
    journey("nora")
    SocialAccount.objects.update(provider="oidc-another")
    journey("nora")
    assert User.objects.count() == 2


def test_nothing_of_the_tokens_is_kept(provider, journey):
    provider.person("nora", "support", **NORA, canary="canary-claim")
    journey("nora")
    kept = [session.get_decoded() for session in Session.objects.all()]
    kept += [*SocialAccount.objects.values(), *SocialToken.objects.values(), *Event.objects.values()]
    for secret in ("canary-claim", "eyJ", provider.secret, "code_verifier"):
        assert secret not in str(kept)
    assert SocialAccount.objects.get().extra_data == {} and not SocialToken.objects.exists()


def test_the_wanted_page_opens_and_no_foreign_one(provider, journey):
    provider.person("nora", "support", **NORA)
    assert journey("nora", next="/changes/")[1]["Location"] == "/changes/"
    for unreadable in ("https://evil.example/", "//[", "//a]", "//\u2100"):
        assert journey("nora", next=unreadable)[1]["Location"] == "/"


@pytest.mark.parametrize(
    ("claim", "value"),
    [("realm.roles", {"realm": {"roles": ["support"]}}), ("team", {"team": "support"})],
)
def test_groups_may_be_nested_or_a_single_word(provider, journey, settings, claim, value):
    settings.OIDC_GROUPS_CLAIM = claim
    provider.person("nora", **NORA, **value)
    assert is_in(journey("nora")[0])


def test_an_admin_cannot_make_a_password_link_for_a_provider_user(provider, journey, admin, client_of):
    provider.person("nora", "support", **NORA)
    browser, _, _ = journey("nora")
    nora = User.objects.get(username="nora")
    page = client_of(admin).get(f"/staff/{nora.pk}/").content
    assert b"Signs in through" in page and b"One-time link" not in page
    answer = client_of(admin).post(f"/staff/{nora.pk}/link/")
    assert answer.status_code == 409 and b"signs in through Example ID" in answer.content
    told = browser.get("/accounts/password/change/", follow=True).content
    assert b"you sign in through Example ID" in told


def test_a_group_for_an_unknown_role_grants_no_access(provider, journey, settings):
    settings.OIDC_ROLE_GROUPS = {"support": "Suport agent"}
    provider.person("nora", "support", **NORA)
    browser, answer, _ = journey("nora")
    assert answer.status_code == 403 and failures() == ["role"] and not is_in(browser)


def test_users_removed_from_the_groups_cannot_finish_a_pending_sign_in(provider, journey):
    provider.person("nora", "support", **NORA)
    journey("nora")
    nora, secret = User.objects.get(), generate_totp_secret()
    with unlock_secrets(nora):
        TOTP.activate(nora, secret)
    waiting, answer, _ = journey("nora")
    assert answer["Location"] == CODE
    provider.person("nora", **NORA)
    assert journey("nora")[1].status_code == 403
    now = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    assert b"Sign in again" in waiting.post(CODE, {"code": now}, follow=True).content and not is_in(waiting)


@pytest.mark.parametrize("others", [[], ["ada"]])
def test_an_admin_in_no_group_any_more_is_none_and_counts_as_none(provider, journey, person, others):
    provider.person("nora", "portal-admins", **NORA)
    journey("nora")
    for name in others:
        person(name, "Admin", PASSPHRASE)
    provider.person("nora", **NORA)
    for _ in range(2):
        assert journey("nora")[1].status_code == 403
    nora = User.objects.get(username="nora")
    assert nora.role == "" and nora.is_active
    event = Event.objects.get(action="staff.role_changed")
    assert (event.actor_name, event.message) == ("single sign-on", "Admin → none")
    for name in others:
        with pytest.raises(StaffRefused, match="last active admin"):
            disable_user(by=None, origin=ORIGIN, user=User.objects.get(username=name))
    provider.person("nora", "support", **NORA)
    assert is_in(journey("nora")[0]) and User.objects.get(username="nora").role == "Support agent"


def test_a_password_that_still_lets_the_last_admin_in_keeps_the_role(person):
    ada = person("ada", "Admin", PASSPHRASE)
    with pytest.raises(StaffRefused, match="last active admin"):
        withdraw_role(origin=ORIGIN, user=ada)
    person("adi", "Admin", PASSPHRASE)
    withdraw_role(origin=ORIGIN, user=ada)
    assert User.objects.get(pk=ada.pk).role == ""


@pytest.mark.parametrize(
    ("verified", "kept"),
    [
        (True, NORA["email"]),
        ("true", NORA["email"]),
        (False, ""),
        ("false", ""),
        (None, ""),
        (0, ""),
        (1, ""),
    ],
)
def test_a_mail_address_that_the_provider_has_not_verified_is_not_taken_over(
    provider, journey, verified, kept
):
    provider.person("nora", "support", email_verified=verified, **NORA)
    assert is_in(journey("nora")[0]) and User.objects.get().email == kept
