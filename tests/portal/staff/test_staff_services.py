"""Adding people and changing their rights: authorised again, audited, and never without an admin."""

import threading

import pytest
from django.db import connection, connections

from portal.audit.models import Event
from portal.audit.recording import AuditUnavailable, get_system_origin
from portal.staff import password_links, services
from portal.staff.models import User
from portal.staff.roles import ADMIN, AGENT, MANAGER
from portal.staff.services import StaffRefused
from tests.conftest import PASSPHRASE

ORIGIN = get_system_origin("tests")


def change(by, person, role=AGENT):
    """Shorthand."""
    services.change_role(by=by, origin=ORIGIN, user=person, role=role)


@pytest.fixture
def admin(person):
    """Ada, an admin who can sign in."""
    return person("ada", ADMIN, PASSPHRASE)


@pytest.fixture
def second_admin(person):
    """Adi, another one."""
    return person("adi", ADMIN, PASSPHRASE)


def test_an_admin_adds_a_person_who_has_no_password_yet(admin):
    made = services.create_user(by=admin, origin=ORIGIN, username="new", role=MANAGER, email="n@example.com")
    assert made.role == MANAGER and not made.has_usable_password()
    event = Event.objects.get()
    assert (event.action, event.object_name, event.after_data["role"]) == ("staff.created", "new", MANAGER)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"username": "ANA"}, "already taken"),
        ({"username": "no spaces"}, "valid username"),
        ({"username": "nul\0"}, "valid username"),
        ({"username": "x" * 300}, "150"),
        ({"role": "King"}, "no role “King”"),
        ({"email": "nonsense"}, "email"),
    ],
)
def test_a_person_who_cannot_be_added_is_refused_with_the_reason(admin, agent, values, why):
    with pytest.raises(StaffRefused, match=f"(?i){why}"):
        services.create_user(by=admin, origin=ORIGIN, **{"username": "new", "role": AGENT} | values)
    assert not Event.objects.exists() and not User.objects.filter(username="new").exists()


def test_the_service_authorises_again(agent, manager, outsider):
    for by in (agent, manager, outsider):
        with pytest.raises(StaffRefused, match="role does not allow"):
            services.create_user(by=by, origin=ORIGIN, username="new", role=AGENT)
        for service in (services.disable_user, services.enable_user, password_links.make_password_link):
            with pytest.raises(StaffRefused, match="role does not allow"):
                service(by=by, origin=ORIGIN, user=agent)


def test_users_cannot_change_their_own_rights(admin, second_admin):
    for service in (services.disable_user, services.enable_user, password_links.make_password_link):
        with pytest.raises(StaffRefused, match="your own permissions"):
            service(by=admin, origin=ORIGIN, user=admin)
    with pytest.raises(StaffRefused, match="your own permissions"):
        change(admin, admin)


def test_the_last_active_admin_stays(admin, second_admin):
    services.disable_user(by=admin, origin=ORIGIN, user=second_admin)
    with pytest.raises(StaffRefused, match="last active admin"):
        services.disable_user(by=None, origin=ORIGIN, user=admin)
    with pytest.raises(StaffRefused, match="last active admin"):
        change(None, admin)
    change(admin, second_admin)  # a disabled one may go
    assert User.objects.get(pk=second_admin.pk).role == AGENT


def test_role_changes_and_disabling_are_recorded_once(admin, agent):
    for _ in range(2):
        change(admin, agent, MANAGER)
        services.disable_user(by=admin, origin=ORIGIN, user=agent)
    for _ in range(2):
        services.enable_user(by=admin, origin=ORIGIN, user=agent)
    events = list(Event.objects.order_by("sequence"))
    assert [event.action for event in events] == ["staff.role_changed", "staff.disabled", "staff.enabled"]
    assert (events[0].before_data, events[0].after_data) == ({"role": AGENT}, {"role": MANAGER})
    assert "Support agent → Manager" in events[0].sentence


def test_without_a_record_nothing_changes(admin, agent):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO gone")
    with pytest.raises(AuditUnavailable):
        change(admin, agent, MANAGER)
    with pytest.raises(AuditUnavailable):
        services.create_user(by=admin, origin=ORIGIN, username="new", role=AGENT)
    with pytest.raises(AuditUnavailable):
        services.set_password(origin=ORIGIN, user=agent, password="x")
    assert User.objects.get(pk=agent.pk).role == AGENT
    assert not User.objects.filter(username="new").exists()
    assert not User.objects.get(pk=agent.pk).has_usable_password()


def test_missing_roles_are_named(admin):
    from django.contrib.auth.models import Group

    Group.objects.filter(name=MANAGER).delete()
    with pytest.raises(StaffRefused, match=r"manage\.py migrate"):
        services.create_user(by=admin, origin=ORIGIN, username="new", role=MANAGER)


def test_two_admins_who_demote_each_other_at_once_do_not_leave_none(committed_db, admin, second_admin):
    refusals, ready = [], threading.Barrier(2)

    def demote(by, person):
        try:
            ready.wait()
            change(by, person)
        except StaffRefused as refusal:
            refusals.append(refusal)
        finally:
            connections.close_all()

    pairs = ((admin, second_admin), (second_admin, admin))
    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refusals) == 1
    assert User.objects.filter(groups__name=ADMIN, is_active=True).count() == 1
