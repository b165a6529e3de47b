"""Roles made of rights: only of one's own, never one's own, audited, and biting at the next request."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.core import permissions
from portal.core.permissions import PERMISSIONS, Permission
from portal.staff import access_seals, backends, roles
from portal.staff.access_seals import find_disagreements
from portal.staff.custom_roles import create_role, delete_role, update_role
from portal.staff.identity import provider_id
from portal.staff.models import User
from portal.staff.password_links import make_password_link
from portal.staff.roles import ADMIN, AGENT, MANAGER, get_roles, get_roles_with, sync_roles
from portal.staff.services import (
    StaffRefused,
    change_role,
    create_user,
    disable_user,
    require_another_admin,
    unlock_user,
)
from tests.conftest import PASSPHRASE
from tests.registries import registry_of

ORIGIN = get_system_origin("tests")
READING = ["merchant.view", "connector.view"]
LEADING = [*READING, "staff.view", "staff.create", "staff.update", "role.update"]


@pytest.fixture
def reader_role(admin):
    """Merchants and connectors, to be looked at."""
    return create_role(by=admin, origin=ORIGIN, name="Reader", rights=READING)


@pytest.fixture
def lead(admin, person):
    """Lea, who looks after people and roles, and is no admin."""
    create_role(by=admin, origin=ORIGIN, name="Team lead", rights=LEADING)
    return person("lea", "Team lead")


def fresh(person):
    """The person as the next request sees them."""
    return User.objects.get(pk=person.pk)


def test_a_role_is_made_on_its_page_and_given_to_a_person(admin, agent, client_of):
    browser = client_of(admin)
    made = browser.post("/staff/roles/new/", {"name": " Merchant  reader ", "rights": READING})
    assert made["Location"] == "/staff/roles/"
    event = Event.objects.get(action="role.created")
    assert event.sentence == "Ada Admin (Admin) created role “Merchant reader”"
    assert event.after_data == {"rights": sorted(READING)}
    assert "Merchant reader" in browser.get("/staff/roles/").content.decode()
    assert browser.post(f"/staff/{agent.pk}/role/", {"role": "Merchant reader"}).status_code == 302
    assert fresh(agent).get_all_permissions() == set(READING)
    page = browser.get(f"/staff/{agent.pk}/")
    assert ("Merchants", ["view"]) in page.context[
        "rights"
    ] and b"<dt>Merchants</dt><dd>view</dd>" in page.content


def test_changed_rights_bite_at_the_next_request_and_are_recorded_before_and_after(
    admin, person, reader_role, client_of
):
    theirs, browser = client_of(person("rea", "Reader")), client_of(admin)
    assert theirs.get("/changes/").status_code == 403
    page = f"/staff/roles/{reader_role.pk}/"
    assert 'value="merchant.view"' in browser.get(page).content.decode()
    assert browser.post(page, {"rights": ["change.view"]}).status_code == 302
    assert theirs.get("/changes/").status_code == 200 and theirs.get("/search/").status_code == 200
    event = Event.objects.get(action="role.changed")
    assert (event.before_data["rights"], event.after_data["rights"]) == (sorted(READING), ["change.view"])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": "admin"}, "with this name already exists"),
        ({"name": "Admin."}, "with this name already exists"),
        ({"name": "sup-port agent"}, "with this name already exists"),
        ({"name": "\N{CYRILLIC CAPITAL LETTER A}dmin"}, "Latin letters"),
        ({"name": "\N{FULLWIDTH LATIN CAPITAL LETTER A}dmin"}, "Latin letters"),
        ({"name": "Adm\N{LATIN SMALL LETTER DOTLESS I}n"}, "Latin letters"),
        ({"name": "Admin\N{ZERO WIDTH SPACE}"}, "Latin letters"),
        ({"name": "x"}, "2 to 60"),
        ({"name": "Two, names"}, "2 to 60"),
        ({"name": "*"}, "2 to 60"),
        ({"rights": ["king.crown"]}, "This permission does not exist"),
        ({"rights": ["merchant.update"]}, "also needs “view merchants”"),
    ],
)
def test_invalid_roles_are_refused_with_the_reason(admin, values, why):
    with pytest.raises(StaffRefused, match=why):
        create_role(by=admin, origin=ORIGIN, **{"name": "New", "rights": READING} | values)
    assert Group.objects.count() == 3 and not Event.objects.exists()


def test_admins_cannot_grant_permissions_that_they_lack_to_a_role(lead, admin, reader_role):
    with pytest.raises(StaffRefused, match="reset stored credentials"):
        create_role(by=lead, origin=ORIGIN, name="Sly", rights=["credential.reset"])
    with pytest.raises(StaffRefused, match="reset stored credentials"):
        update_role(by=lead, origin=ORIGIN, role=reader_role, rights=["credential.reset"])
    update_role(by=admin, origin=ORIGIN, role=reader_role, rights=["change.view"])
    with pytest.raises(StaffRefused, match="view changes"):
        update_role(by=lead, origin=ORIGIN, role=reader_role, rights=READING)
    create_role(by=lead, origin=ORIGIN, name="Honest", rights=READING)


def test_admins_cannot_grant_or_take_over_permissions_that_they_lack(lead, admin, agent):
    for role in (ADMIN, MANAGER, AGENT):
        with pytest.raises(StaffRefused, match="permissions that you do not have"):
            create_user(by=lead, origin=ORIGIN, username="new", role=role)
    new = create_user(by=lead, origin=ORIGIN, username="new", role="Team lead")
    with pytest.raises(StaffRefused, match="permissions that you do not have"):
        change_role(by=lead, origin=ORIGIN, user=new, role=ADMIN)
    for service in (disable_user, unlock_user):
        with pytest.raises(StaffRefused, match="permissions that you do not have"):
            service(by=lead, origin=ORIGIN, user=admin)
    disable_user(by=lead, origin=ORIGIN, user=new)


def test_a_mightier_account_gets_no_one_time_link_from_a_lesser_one(lead, admin, client_of):
    before = fresh(admin).password
    assert client_of(lead).post(f"/staff/{admin.pk}/link/").status_code == 409
    assert fresh(admin).password == before


def test_the_password_of_the_last_admin_is_not_taken_for_a_link_that_may_be_withdrawn(
    admin, person, client_of
):
    create_role(by=admin, origin=ORIGIN, name="Deputy", rights=PERMISSIONS)
    deputy = client_of(person("dea", "Deputy"))
    admin.set_password(PASSPHRASE)
    admin.save()
    answer = deputy.post(f"/staff/{admin.pk}/link/")
    assert answer.status_code == 409 and b"last active admin" in answer.content
    assert fresh(admin).check_password(PASSPHRASE)
    make_password_link(by=None, origin=ORIGIN, user=admin)  # the console is the way in that is left
    assert deputy.post(f"/staff/{admin.pk}/link/").status_code == 200  # which takes nothing away now


def test_users_cannot_change_their_own_role(lead):
    role = Group.objects.get(name="Team lead")
    for service, values in ((update_role, {"rights": READING}), (delete_role, {})):
        with pytest.raises(StaffRefused, match="your own role"):
            service(by=lead, origin=ORIGIN, role=role, **values)


def test_the_built_in_roles_stay_as_they_are(admin, client_of):
    built_in = Group.objects.get(name=AGENT)
    for service, values in ((update_role, {"rights": READING}), (delete_role, {})):
        with pytest.raises(StaffRefused, match="Built-in roles"):
            service(by=admin, origin=ORIGIN, role=built_in, **values)
    assert client_of(admin).get(f"/staff/roles/{built_in.pk}/").status_code == 404


def test_the_service_authorises_again(manager, agent, reader_role):
    for by in (manager, agent):
        with pytest.raises(StaffRefused, match="role does not allow"):
            create_role(by=by, origin=ORIGIN, name="New", rights=[])
        with pytest.raises(StaffRefused, match="role does not allow"):
            update_role(by=by, origin=ORIGIN, role=reader_role, rights=[])


def test_only_unused_roles_without_a_policy_can_be_deleted(admin, person, reader_role, client_of, settings):
    browser, page = client_of(admin), f"/staff/roles/{reader_role.pk}/delete/"
    rea = person("rea", "Reader", is_active=False)
    assert b"Some users still have this role" in browser.post(page).content
    rea.groups.clear()
    settings.MFA_ROLES = ["Reader"]
    assert b"MFA_ROLES" in browser.post(page).content
    settings.MFA_ROLES = []
    assert browser.post(page)["Location"] == "/staff/roles/"
    assert Event.objects.get(action="role.deleted").before_data == {"rights": sorted(READING)}
    assert "Reader" not in get_roles()


def test_the_second_factor_can_be_asked_of_a_role_made_here(person, reader_role, settings, client_of):
    settings.MFA_ROLES = ["Reader"]
    assert client_of(person("rea", "Reader")).get("/")["Location"] == reverse("mfa_index")
    assert client_of(person("al", AGENT)).get("/").status_code == 200


@pytest.mark.parametrize(
    ("rights", "needed"),
    [
        (sorted(PERMISSIONS), True),
        (["connection.view", "credential.reset"], True),  # asks to step up
        (["audit.view"], True),  # of the Built-in roles, only named ones have it
        (READING, False),
    ],
)
def test_a_role_made_here_does_not_escape_the_policy_that_names_built_in_roles(
    person, settings, client_of, rights, needed
):
    create_role(by=person("adi", ADMIN), origin=ORIGIN, name="Clever", rights=rights)
    cleo = client_of(person("cleo", "Clever"))
    assert cleo.get("/").status_code == 200  # no policy, as in the demo
    settings.MFA_ROLES = [ADMIN, MANAGER]
    assert cleo.get("/").status_code == (302 if needed else 200)
    assert client_of(person("al", AGENT)).get("/").status_code == 200


def test_roles_made_here_survive_a_migrate_and_lose_only_rights_that_are_gone(reader_role):
    kind = reader_role.permissions.first().content_type
    reader_role.permissions.create(content_type=kind, codename="imagined", name="x")
    sync_roles()
    assert get_roles()["Reader"] == frozenset(READING)
    assert get_roles_with("merchant.view")[-1] == "Reader" and set(get_roles()[ADMIN]) == set(PERMISSIONS)


def test_an_admin_who_is_limited_or_of_the_demo_does_not_count_as_the_one_who_stays(admin, person, settings):
    other = person("adi", ADMIN, PASSPHRASE)
    require_another_admin(admin)
    for values in ({"is_limited": True}, {"is_limited": False, "is_demo": True}):
        User.objects.filter(pk=other.pk).update(**values)
        settings.PRODUCTION = values.get("is_demo", False)
        with pytest.raises(StaffRefused, match="last active admin"):
            require_another_admin(admin)


def test_an_admin_who_cannot_sign_in_does_not_count_either(admin, person):
    invited = person("adi", ADMIN)
    with pytest.raises(StaffRefused, match="last active admin"):
        require_another_admin(admin)
    invited.set_password(PASSPHRASE)
    invited.save()
    require_another_admin(admin)


def test_an_admin_of_the_provider_counts_while_it_is_set_up(admin, person, settings):
    other = person("adi", ADMIN)
    settings.OIDC_SERVER_URL = "https://id.example.com"
    SocialAccount.objects.create(user=other, provider=provider_id(), uid="adi")
    require_another_admin(admin)
    settings.OIDC_SERVER_URL = ""
    with pytest.raises(StaffRefused, match="last active admin"):
        require_another_admin(admin)


def test_a_roles_page_tells_its_history_and_every_set_of_rights_it_had(admin, reader_role, client_of):
    update_role(by=admin, origin=ORIGIN, role=reader_role, rights=["merchant.view", "change.view"])
    browser, address = client_of(admin), f"/staff/roles/{reader_role.pk}/"
    page = browser.get(address).content.decode()
    assert "changed the permissions of role “Reader”" in page and "created role “Reader”" in page
    assert "<del>" in browser.get(f"{address}?field=rights").content.decode()
    assert "created role “Reader”" in browser.post(address, {"rights": ["nonsense"]}).content.decode()
    event = Event.objects.get(action="role.changed")
    assert f'href="{address}"' in browser.get(f"/audit/{event.pk}/").content.decode()


def test_readers_of_the_trail_see_the_history_of_a_role(manager, reader_role, client_of):
    browser = client_of(manager)
    link = f"/audit/?kind=role&amp;guid={reader_role.pk}"
    assert link in browser.get("/staff/roles/").content.decode()
    found = browser.get(link.replace("&amp;", "&")).content.decode()
    assert "created role “Reader”" in found and "1 event" in found


@pytest.fixture
def role_of_an_older_version(admin, reader_role):
    """Return a role that was made while permissions about routing were offered."""
    kind = ContentType.objects.create(app_label="routing", model="right")
    reader_role.permissions.create(content_type=kind, codename="replace", name="replace routing")
    assert find_disagreements() == []
    return reader_role


def test_a_stored_permission_without_a_page_gives_nothing_and_stays(
    admin, person, role_of_an_older_version, client_of, settings
):
    role = role_of_an_older_version
    for group in Group.objects.filter(name__in=[ADMIN, AGENT]):
        group.permissions.add(role.permissions.get(codename="replace"))
    sync_roles()
    assert find_disagreements() == [], "the seals of older roles fit after the upgrade"
    holders = Group.objects.filter(
        permissions__codename="replace", permissions__content_type__app_label="routing"
    )
    assert list(holders) == [role], "built-in roles follow the code"

    rea, browser = person("rea", "Reader"), client_of(admin)
    assert rea.get_all_permissions() == set(READING) == get_roles()["Reader"]
    settings.MFA_ROLES = [ADMIN]
    assert client_of(rea).get("/").status_code == 200, "no second factor for a permission that gives nothing"
    settings.MFA_ROLES = []

    page = f"/staff/roles/{role.pk}/"
    assert "routing" not in browser.get(page).content.decode()
    assert browser.post(page, {"rights": [*READING, "tenant.view"]})["Location"] == "/staff/roles/"
    assert get_roles()["Reader"] == {*READING, "tenant.view"} and find_disagreements() == []
    assert role.permissions.filter(content_type__app_label="routing").exists()
    assert Event.objects.get(action="role.changed").before_data == {"rights": sorted(READING)}
    with pytest.raises(StaffRefused, match="does not exist"):
        update_role(by=admin, origin=ORIGIN, role=role, rights=["routing.replace"])

    assert browser.post(f"/staff/{rea.pk}/role/", {"role": AGENT}).status_code == 302
    assert browser.post(f"{page}delete/")["Location"] == "/staff/roles/"
    assert find_disagreements() == []


def test_a_permission_whose_page_comes_back_takes_effect_again(person, role_of_an_older_version, monkeypatch):
    routing = {"routing.replace": Permission("replace routing", within_tenants=True)}
    registry = registry_of(routing, permissions.PERMISSIONS)
    for module in (permissions, roles, backends, access_seals):
        monkeypatch.setattr(module, "PERMISSIONS", registry)
    sync_roles()
    assert person("rea", "Reader").has_perm("routing.replace")
    assert set(get_roles_with("routing.replace")) == {ADMIN, AGENT, "Reader"} and find_disagreements() == []
