"""The reset of a second factor takes two admins; where there is one, the console. Nobody does their own."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.audit.models import Event
from portal.staff.mfa import get_second_factors, unlock_secrets
from portal.staff.models import SecondFactorReset, User
from tests.conftest import PASSPHRASE

WHY = {"reason": "She called from her desk phone."}


def with_app(someone):
    """Gives the person an authenticator app."""
    with unlock_secrets(someone):
        TOTP.activate(someone, generate_totp_secret())
    return someone


@pytest.fixture
def ana(person):
    """Ana, an agent who lost her phone."""
    return with_app(person("ana", "Support agent", PASSPHRASE))


@pytest.fixture
def adi(person):
    """Another admin."""
    return person("adi", "Admin", first_name="Adi")


@pytest.fixture
def asked(ana, admin, adi, client_of):
    """The steps of Ana's page, asked for by the first admin."""
    steps = f"/staff/{ana.pk}/second-factor/"
    assert client_of(admin).post(steps, WHY).status_code == 302
    return steps


def test_one_asks_another_approves_and_all_sessions_end(asked, ana, admin, adi, client_of):
    inside, second = client_of(ana), client_of(adi)
    assert inside.get("/accounts/profile/").status_code == 200 and get_second_factors(ana)
    assert b"Ada Admin asked to remove the second factor" in second.get("/staff/").content
    assert b"desk phone" in second.get(f"/staff/{ana.pk}/").content
    assert second.post(asked + "approve/").status_code == 302
    assert not get_second_factors(ana) and inside.get("/accounts/profile/").status_code == 302
    first, last = (Event.objects.get(action=f"staff.second_factor_reset{one}") for one in ("_asked", ""))
    assert (first.actor_id, last.actor_id) == (admin.pk, adi.pk)
    assert "asked for by Ada Admin: She called from her desk phone." in last.sentence
    assert last.before_data == {"second_factors": ["authenticator app"]}


def test_admins_cannot_approve_their_own_requests(asked, ana, admin, client_of):
    browser = client_of(admin)
    assert b"Approve and remove" not in browser.get(f"/staff/{ana.pk}/").content
    answer = browser.post(asked + "approve/")
    assert answer.status_code == 409 and b"Another admin must approve" in answer.content
    assert get_second_factors(ana)


@pytest.mark.parametrize("edited", ["asked by", "reason", "put back"])
def test_a_request_that_the_trail_does_not_hold_cannot_be_approved(edited, asked, ana, adi, client_of):
    admin = User.objects.get(username="ada")
    if edited == "put back":
        rows = list(SecondFactorReset.objects.all())
        assert client_of(admin).post(asked + "withdraw/").status_code == 302
        SecondFactorReset.objects.bulk_create(rows)
    else:
        SecondFactorReset.objects.update(**{"asked by": {"asked_by": adi}, "reason": {"reason": "x"}}[edited])
    browser = client_of(admin if edited == "asked by" else adi)
    answer = browser.post(asked + "approve/")
    assert answer.status_code == 409 and b"does not agree with the audit trail" in answer.content
    assert get_second_factors(ana)


def test_users_cannot_request_or_approve_their_own_reset(admin, adi, client_of):
    with_app(admin)
    steps = f"/staff/{admin.pk}/second-factor/"
    assert client_of(admin).post(steps, WHY).status_code == 409
    client_of(adi).post(steps, WHY)
    assert client_of(admin).post(steps + "approve/").status_code == 409
    assert get_second_factors(admin)


def test_an_admin_made_for_the_purpose_cannot_approve(asked, ana, person, client_of):
    answer = client_of(person("puppet", "Admin")).post(asked + "approve/")
    assert answer.status_code == 409 and b"added after this was requested" in answer.content
    assert get_second_factors(ana)


def test_too_late_or_declined_there_is_nothing_to_approve(asked, ana, adi, client_of):
    SecondFactorReset.objects.update(expires_at=timezone.now())
    assert b"it expired" in client_of(adi).post(asked + "approve/").content
    assert client_of(adi).post(asked, WHY).status_code == 302  # it can be asked for again
    assert client_of(adi).post(asked, WHY).status_code == 409
    assert client_of(adi).post(asked + "withdraw/").status_code == 302
    assert client_of(adi).post(asked + "approve/").status_code == 409
    assert Event.objects.filter(action="staff.second_factor_reset_declined").count() == 1
    assert get_second_factors(ana)


def test_it_needs_a_reason_and_something_to_remove(ana, admin, adi, client_of):
    browser, steps = client_of(admin), f"/staff/{ana.pk}/second-factor/"
    assert browser.post(steps, {"reason": " "}).status_code == 422
    Authenticator.objects.all().delete()
    assert b"has no second factor" in browser.post(steps, WHY).content


def test_a_single_admin_sees_the_command_which_is_recorded(ana, admin, client_of, capsys):
    answer = client_of(admin).post(f"/staff/{ana.pk}/second-factor/", WHY)
    assert answer.status_code == 409 and b"manage.py second_factor_reset --username ana" in answer.content
    inside = client_of(ana)
    for wrong in ({"username": "nobody", "reason": "x"}, {"username": "ada", "reason": "x"},
                  {"username": "ana", "reason": " "}):  # fmt: skip
        with pytest.raises(CommandError):
            call_command("second_factor_reset", **wrong)
    call_command("second_factor_reset", username="ana", reason="The only admin asked.")
    assert "authenticator app" in capsys.readouterr().out
    assert not get_second_factors(ana) and inside.get("/accounts/profile/").status_code == 302
    event = Event.objects.get(action="staff.second_factor_reset")
    assert (event.actor_name, event.actor_role) == ("second_factor_reset", "system")


def test_an_admin_signs_a_person_out_everywhere(ana, admin, client_of):
    one, two = client_of(ana), client_of(ana)
    assert b"2 open sessions" in client_of(admin).get(f"/staff/{ana.pk}/").content
    client_of(admin).post(f"/staff/{ana.pk}/sign-out/")
    assert [browser.get("/").status_code for browser in (one, two)] == [302, 302]
    assert Event.objects.filter(action="session.ended", actor_id=admin.pk).count() == 2


def test_enabling_again_does_not_bring_back_what_was_open_when_the_person_was_disabled(ana, admin, client_of):
    inside, browser = client_of(ana), client_of(admin)
    browser.post(f"/staff/{ana.pk}/disable/", {"reason": "left"})
    assert inside.get("/").status_code == 302
    browser.post(f"/staff/{ana.pk}/enable/")
    assert inside.get("/").status_code == 302


def test_signing_out_everywhere_ends_even_a_session_that_no_list_knows(ana, admin, client_of):
    from allauth.usersessions.models import UserSession

    inside = client_of(ana)
    UserSession.objects.filter(user=ana).delete()
    client_of(admin).post(f"/staff/{ana.pk}/sign-out/")
    assert inside.get("/").status_code == 302
