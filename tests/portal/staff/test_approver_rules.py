"""Whose consent counts: nobody's whom the one who asks has in hand. One admin alone takes no account over."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.core.permissions import PERMISSIONS
from portal.staff.approver_rules import LOOKED_BACK
from portal.staff.custom_roles import create_role, update_role
from portal.staff.identity import origin_as
from portal.staff.mfa import get_second_factors, unlock_secrets
from portal.staff.models import SecondFactorReset, User
from portal.staff.password_links import make_password_link
from portal.staff.roles import ADMIN, AGENT
from portal.staff.services import change_role, create_user
from portal.staff.tenant_access import change_tenant_access
from tests.conftest import PASSPHRASE

ORIGIN = get_system_origin("tests")
WHY = {"reason": "He called from his desk phone."}


def with_app(someone):
    """Gives the person an authenticator app."""
    with unlock_secrets(someone):
        TOTP.activate(someone, generate_totp_secret())
    return someone


def by(someone):
    """Who acts, for a service, and from where."""
    return {"by": someone, "origin": origin_as(ORIGIN, someone)}


@pytest.fixture
def vic(person):
    """Vic, an admin whose account someone wants."""
    return with_app(person("vic", ADMIN, email="vic@example.com"))


@pytest.fixture
def adi(person):
    """Another admin, who has nothing to do with it."""
    return person("adi", ADMIN, first_name="Adi", email="adi@example.com")


@pytest.fixture
def old_agent(person):
    """An agent's account from long ago."""
    return person("old", AGENT, date_joined=timezone.now() - timedelta(days=900))


@pytest.fixture
def ask(vic, admin, person, client_of):
    """Asks, as Ada, for the removal of Vic's second factor, for Zoe could approve; where to."""
    person("zoe", ADMIN, PASSPHRASE)

    def asked():
        steps = f"/staff/{vic.pk}/second-factor/"
        assert client_of(admin).post(steps, WHY).status_code == 302
        return steps + "approve/"

    return asked


def vic_now():
    """Vic, as stored."""
    return User.objects.get(username="vic")


def refused(answer, words):
    """Whether the approval was refused for that reason, and nothing came of it."""
    assert answer.status_code == 409 and words in answer.content.decode()
    gone = Event.objects.filter(action="staff.second_factor_reset").exists()
    return bool(get_second_factors(vic_now())) and not gone


def test_who_was_promoted_after_it_was_asked_for_cannot_approve(ask, admin, old_agent, client_of):
    approve = ask()
    change_role(**by(admin), user=old_agent, role=ADMIN)
    assert refused(client_of(old_agent).post(approve), "since this was requested")


def test_the_whole_takeover_by_one_admin_fails(ask, admin, old_agent, client_of):
    approve, browser = ask(), client_of(admin)
    browser.post(f"/staff/{old_agent.pk}/role/", {"role": ADMIN})
    key = make_password_link(**by(admin), user=old_agent)
    puppet = client_of(None)
    puppet.get(key)
    puppet.post("/accounts/password/set/", {"password1": PASSPHRASE, "password2": PASSPHRASE})
    assert puppet.post("/accounts/login/", {"login": "old", "password": PASSPHRASE}).status_code == 302
    assert refused(puppet.post(approve), "since this was requested")


def test_who_was_given_a_link_by_the_one_who_asks_cannot_approve(ask, admin, adi, client_of):
    make_password_link(**by(admin), user=adi)
    assert refused(client_of(User.objects.get(pk=adi.pk)).post(ask()), "Ada Admin")


def test_who_was_created_by_the_one_who_asks_cannot_approve(ask, admin, client_of):
    made = create_user(**by(admin), username="puppet", role=ADMIN)
    approve = ask()
    assert refused(client_of(made).post(approve), "Ada Admin")


def test_neither_can_the_creature_of_a_creature(ask, admin, client_of):
    first = create_user(**by(admin), username="first", role=ADMIN)
    second = create_user(**by(first), username="second", role=ADMIN)
    assert refused(client_of(second).post(ask()), "Ada Admin")


def test_a_wider_role_or_tenant_access_is_a_promotion_too(ask, admin, person, client_of):
    every = sorted(PERMISSIONS)
    role = create_role(**by(admin), name="Lead", rights=[name for name in every if name != "staff.update"])
    lead = person("lea", "Lead")
    limited = person("lim", ADMIN, is_limited=True)
    approve = ask()
    update_role(**by(admin), role=role, rights=every)
    change_tenant_access(**by(admin), user=limited, places=None)
    for one in (lead, limited):
        assert refused(client_of(one).post(approve), "since this was requested")


def test_what_the_asker_did_long_ago_does_not_matter_any_more(ask, admin, adi, client_of):
    change_role(**by(admin), user=adi, role=AGENT)
    change_role(**by(admin), user=adi, role=ADMIN)
    approve = ask()
    SecondFactorReset.objects.update(asked_at=timezone.now() + LOOKED_BACK)
    assert client_of(adi).post(approve).status_code == 302 and not get_second_factors(vic_now())


def test_a_second_factor_set_up_after_the_ask_proves_nothing(ask, adi, client_of):
    approve = ask()
    with_app(adi)
    assert refused(client_of(adi).post(approve), "need a second factor that you set up before")
    Authenticator.objects.filter(user=adi).update(created_at=timezone.now() - timedelta(days=90))
    assert client_of(adi).post(approve).status_code == 302


def test_only_admins_with_a_required_second_factor_count_as_approvers(vic, admin, adi, client_of, settings):
    with_app(admin)
    settings.MFA_ROLES = ["*"]
    steps, browser = f"/staff/{vic.pk}/second-factor/", client_of(admin)
    assert b"no other admin who can approve" in browser.post(steps, WHY).content
    with_app(adi)
    assert browser.post(steps, WHY).status_code == 302


def test_where_all_others_are_in_the_askers_hand_it_cannot_be_asked_for(vic, admin, client_of):
    create_user(**by(admin), username="puppet", role=ADMIN)
    answer = client_of(admin).post(f"/staff/{vic.pk}/second-factor/", WHY)
    assert answer.status_code == 409 and b"manage.py second_factor_reset --username vic" in answer.content


def test_the_user_and_every_admin_are_notified(
    ask, adi, client_of, settings, django_capture_on_commit_callbacks
):
    settings.MAIL_ON = True
    home = client_of(adi)
    assert b"asked to remove" not in home.get("/").content
    with django_capture_on_commit_callbacks(execute=True):
        ask()
    assert sorted(address for one in mail.outbox for address in one.to) == [
        "adi@example.com",
        "vic@example.com",
    ]
    assert all("Ada Admin asked" in one.body and "desk phone" in one.body for one in mail.outbox)
    assert b"Ada Admin asked to remove" in home.get("/").content
    assert b"your second factor" in client_of(vic_now()).get("/").content


def test_other_users_do_not_see_it_on_the_dashboard(ask, agent, client_of):
    ask()
    assert b"asked to remove" not in client_of(agent).get("/").content
