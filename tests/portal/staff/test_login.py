"""Sign-in, sign-out, passwords: recorded, limited, and the same answer to a known and an unknown name."""

import re

import pytest
from django.db import connection
from django.urls import NoReverseMatch, reverse

from portal.audit.models import Event
from portal.staff.models import User
from portal.staff.passwords import Argon2idHasher
from tests.conftest import PASSPHRASE

LOGIN = "/accounts/login/"


@pytest.fixture
def browser(client_of):
    """Nobody's browser."""
    return client_of(None)


def sign_in(browser, name="ana", passphrase=PASSPHRASE, **more):
    """Sends the sign-in form."""
    return browser.post(LOGIN, {"login": name, "password": passphrase}, **more)


def actions():
    """What was recorded, oldest first."""
    return list(Event.objects.order_by("sequence").values_list("action", flat=True))


def test_the_right_passphrase_opens_the_portal_and_is_recorded(browser, ana):
    assert sign_in(browser)["Location"] == "/"
    assert browser.get("/").status_code == 200
    event = Event.objects.get()
    assert (event.action, event.actor_id, event.actor_role) == ("session.signed_in", ana.pk, "Support agent")
    assert event.session and browser.session.session_key not in event.session
    assert event.message == "password" and event.sentence.endswith("signed in: password")


def test_signing_out_is_recorded_and_takes_a_post(browser, ana):
    sign_in(browser)
    assert browser.get("/accounts/logout/").status_code == 200
    assert browser.post("/accounts/logout/").status_code == 302
    assert actions() == ["session.signed_in", "session.signed_out"]
    assert Event.objects.first().actor_name == "ana"
    assert browser.get("/")["Location"].startswith(LOGIN)


def test_signing_out_ends_the_session_even_where_it_cannot_be_recorded(browser, ana):
    sign_in(browser)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO away")
    browser.post("/accounts/logout/")
    assert browser.get("/")["Location"].startswith(LOGIN)


def test_a_new_session_begins_at_sign_in(browser, ana):
    browser.get(LOGIN)
    sign_in(browser)
    first = browser.session.session_key
    browser.post("/accounts/logout/")
    sign_in(browser)
    assert browser.session.session_key != first


def test_after_sign_in_the_wanted_page_opens_and_no_foreign_one(browser, ana):
    wanted = browser.get("/accounts/profile/")["Location"]
    assert b'name="next" value="/accounts/profile/"' in browser.get(wanted).content.replace(
        b'type="hidden" ', b""
    )
    assert (
        browser.post(wanted, {"login": "ana", "password": PASSPHRASE, "next": "/accounts/profile/"})[
            "Location"
        ]
        == "/accounts/profile/"
    )
    browser.post("/accounts/logout/")
    evil = browser.post(LOGIN, {"login": "ana", "password": PASSPHRASE, "next": "https://evil.example/"})
    assert evil["Location"] == "/"


OTHER_ORIGINS = [
    "http://127.0.0.1/", "http://localhost/", "https://[::1]/", "https://127.0.0.1:8443/", "//localhost/",
    "https://testserver/", "http://testserver:81/", "http://evil.example/", "//evil.example",
    "/\\evil.example",
    "\\\\localhost", "javascript:alert(1)", "http:///localhost", "http:localhost", " //localhost", "//",
]  # fmt: skip


@pytest.mark.parametrize("wanted", OTHER_ORIGINS)
def test_after_sign_in_no_other_origin_opens_even_of_an_own_name(browser, ana, settings, wanted):
    settings.ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost", "[::1]"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://localhost", "http://localhost"]
    form = {"login": "ana", "password": PASSPHRASE, "next": wanted}
    assert browser.post(LOGIN, form)["Location"] == "/"


@pytest.mark.parametrize("wanted", ["http://testserver/changes/", "http://testserver/"])
def test_under_https_no_page_opens_over_http(browser, ana, wanted):
    form = {"login": "ana", "password": PASSPHRASE, "next": wanted}
    assert browser.post(LOGIN, form, secure=True)["Location"] == "/"


@pytest.mark.parametrize("wanted", ["/changes/?q=a", "http://testserver/changes/?q=a"])
def test_a_page_of_this_origin_opens(browser, ana, wanted):
    form = {"login": "ana", "password": PASSPHRASE, "next": wanted}
    assert browser.post(LOGIN, form)["Location"] == wanted


@pytest.mark.parametrize("typed", ["Ana", "ANA", " aNA "])
def test_capital_letters_of_a_user_name_make_no_difference(browser, ana, typed):
    assert sign_in(browser, name=typed)["Location"] == "/"
    assert Event.objects.get().actor_id == ana.pk


@pytest.mark.parametrize("typed", ["jürgen", "JÜRGEN", "Jürgen"])
def test_nor_do_those_beyond_ascii(browser, person, typed):
    person("Jürgen", "Support agent", PASSPHRASE)
    assert sign_in(browser, name=typed)["Location"] == "/"


def test_every_spelling_counts_for_the_same_lock(browser, ana):
    for typed in ("ana", "Ana", "ANA", "aNa", "anA"):
        sign_in(browser, name=typed, passphrase="wrong")
    assert b"Too many failed attempts" in sign_in(browser).content
    assert {event.object_guid for event in Event.objects.all()} == {str(ana.pk)}


def test_a_name_that_two_people_have_is_each_one_s_as_it_is_spelt(browser, ana, person):
    other = person("ANA", "Manager", "another long passphrase")
    assert sign_in(browser, "ANA", "another long passphrase")["Location"] == "/"
    assert Event.objects.get().actor_id == other.pk
    assert sign_in(browser, "Ana", PASSPHRASE).status_code == 302  # signed in already
    browser.post("/accounts/logout/")
    assert sign_in(browser, "Ana", PASSPHRASE).status_code == 200


def test_a_second_person_of_the_name_is_refused_with_the_reason(ana, admin, client_of):
    answer = client_of(admin).post("/staff/new/", {"username": "ANA", "role": "Support agent"})
    assert answer.status_code == 422
    words = "The username “ana” is already taken. Upper and lower case are the same here."
    assert words in answer.content.decode()


def test_the_name_field_keeps_typed_text(browser):
    page = browser.get(LOGIN).content.decode()
    field = re.search(r'<input[^>]*name="login"[^>]*>', page)[0]
    for attribute in ('autocapitalize="none"', 'autocorrect="off"', 'spellcheck="false"', "autofocus"):
        assert attribute in field


def plain(response):
    """The page without what differs from request to request, and without the name that was typed."""
    text = re.sub(r'value="[^"]*"|<code>[^<]*</code>', "", response.content.decode())
    return response.status_code, text


def test_known_unknown_and_disabled_names_get_the_same_answer(browser, ana, person):
    disabled = person("dis", "Support agent", PASSPHRASE, is_active=False)
    answers = {
        plain(sign_in(browser, passphrase="wrong")),
        plain(sign_in(browser, name="nobody")),
        plain(sign_in(browser, name=disabled.username)),
    }
    assert len(answers) == 1
    assert actions() == ["session.sign_in_failed"] * 3


def test_other_spellings_of_known_and_unknown_names_get_the_same_answers(client_of, ana):
    def answers(name):
        tries = [name.upper()] * 6 + [name, name.title(), f" {name} "]
        return [plain(sign_in(client_of(None), name=typed, passphrase="wrong")) for typed in tries]

    known, unknown = answers("ana"), answers("nosuchname")
    assert known == unknown and len({text for _, text in known}) == 2


@pytest.fixture
def hashes(settings, monkeypatch):
    """One entry for each password that was hashed."""
    settings.PASSWORD_HASHERS = ["portal.staff.passwords.Argon2idHasher"]
    found = []
    for step in ("encode", "verify"):
        hasher = getattr(Argon2idHasher, step)

        def counted(self, *arguments, _hasher=hasher, **named):
            found.append(1)
            return _hasher(self, *arguments, **named)

        monkeypatch.setattr(Argon2idHasher, step, counted)
    return found


@pytest.mark.parametrize("name", ["ana", "ANA", "nobody", "disabled", "linked"])
def test_every_refused_sign_in_costs_one_hash(hashes, browser, ana, person, name):
    person("disabled", "Support agent", PASSPHRASE, is_active=False)
    person("linked", "Support agent")  # without a password, as while a one-time link is open
    hashes.clear()
    sign_in(browser, name=name, passphrase="wrong")
    assert len(hashes) == 1


def test_a_failed_attempt_names_the_person_but_never_what_was_typed_instead(browser, ana):
    sign_in(browser, passphrase="wrong")
    sign_in(browser, name="my-secret-passphrase")
    unknown, known = Event.objects.all()
    assert known.object_name == "ana" and known.code == "not_accepted" and known.actor_id is None
    assert "my-secret-passphrase" not in str(Event.objects.values()[:])
    assert unknown.sentence == "Someone failed to sign in as an unknown person"


def test_after_five_failures_even_the_right_passphrase_waits(browser, ana):
    for _ in range(5):
        sign_in(browser, passphrase="wrong")
    assert sign_in(browser).status_code == 200
    assert Event.objects.first().code == "too_many_attempts"
    assert browser.get("/").status_code == 302


def test_the_page_speaks_the_words_of_the_portal(browser, ana):
    form = browser.get(LOGIN).context["form"]
    assert [form[name].label for name in ("login", "password")] == ["Username", "Password"]
    assert b"placeholder" not in str(form).encode()
    answers = [browser.post(LOGIN, {"login": "ana", "password": "wrong-all-along"}) for _ in range(6)]
    assert "Wrong username or password." in answers[0].content.decode()
    assert "Too many failed attempts. Try again later" in answers[5].content.decode()


def test_too_many_requests_get_a_page_of_their_own(browser, settings, db):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    sign_in(browser)
    response = sign_in(browser)
    assert response.status_code == 429 and b"Wait a minute" in response.content


@pytest.mark.parametrize(
    "name", ["\0", "x" * 300, "ana\0", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
)
def test_strange_names_are_refused_and_break_nothing(browser, ana, name):
    assert sign_in(browser, name=name).status_code == 200
    assert browser.get("/").status_code == 302


def test_a_sign_in_that_cannot_be_recorded_does_not_happen(browser, ana):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO gone")
    answer = sign_in(browser)
    assert answer.status_code == 503 and b"Nothing was done" in answer.content
    assert browser.get("/").status_code == 302


def test_a_token_protects_the_forms(ana):
    from django.test import Client

    assert sign_in(Client(enforce_csrf_checks=True)).status_code == 403


@pytest.mark.parametrize(
    "name", ["account_signup", "account_reset_password", "account_email", "account_set_password"]
)
def test_sign_up_and_reset_by_mail_do_not_exist(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


@pytest.mark.parametrize("path", ["/accounts/signup/", "/accounts/password/reset/", "/accounts/email/"])
def test_those_addresses_do_not_exist(db, browser, path):
    assert browser.get(path).status_code == 404


def test_the_adapter_is_closed_for_sign_up(rf):
    from portal.staff.adapter import StaffAdapter

    assert not StaffAdapter().is_open_for_signup(rf.get("/"))


def test_people_change_their_own_password_and_stay_signed_in(browser, ana):
    sign_in(browser)
    page, new = reverse("account_change_password"), "another long passphrase"
    assert browser.get(page).status_code == 200
    wrong = browser.post(page, {"oldpassword": "wrong", "password1": new, "password2": new})
    assert wrong.status_code == 200
    assert (
        browser.post(page, {"oldpassword": PASSPHRASE, "password1": new, "password2": new}).status_code == 302
    )
    assert browser.get("/").status_code == 200
    assert actions() == ["session.signed_in", "session.step_up_failed", "staff.password_changed"]
    assert User.objects.get().check_password(new)


def test_without_a_password_there_is_none_to_change(outsider, client_of):
    response = client_of(outsider).get(reverse("account_change_password"), follow=True)
    assert b"You have no password" in response.content
