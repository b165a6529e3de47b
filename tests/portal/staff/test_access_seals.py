"""Rights and sign-in data that were changed in the database, past the portal, are reported in words."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from portal.audit.models import AccessSeal, Event
from portal.audit.recording import get_system_origin
from portal.audit.verification.chain import verify_trail
from portal.staff.access_seals import find_disagreements, seal_after_upgrade
from portal.staff.custom_roles import create_role, update_role
from portal.staff.models import PasswordLink, TenantScope, User
from portal.staff.password_links import make_password_link, use_link
from portal.staff.services import change_role, create_user, disable_user, enable_user, set_password
from portal.staff.tenant_access import TenantRef, change_tenant_access

pytestmark = pytest.mark.django_db
SYSTEM = get_system_origin("tests")


@pytest.fixture
def ana():
    """A person as the portal makes one."""
    person = create_user(by=None, origin=SYSTEM, username="ana", role="Support agent", email="a@example.com")
    set_password(origin=SYSTEM, user=person, password="correct horse battery")
    assert find_disagreements() == []
    return person


def factor(person, kind="totp"):
    """A second factor, as allauth stores it."""
    from allauth.mfa.models import Authenticator

    return Authenticator.objects.create(user=person, type=kind, data={"secret": "sealed"})


def test_what_the_portal_writes_agrees(ana, admin):
    role = create_role(by=admin, origin=SYSTEM, name="Reader", rights=["merchant.view"])
    update_role(by=admin, origin=SYSTEM, role=role, rights=["merchant.view", "tenant.view"])
    steps = [
        lambda: change_role(by=admin, origin=SYSTEM, user=ana, role="Reader"),
        lambda: change_tenant_access(
            by=admin, origin=SYSTEM, user=ana, places=[TenantRef("x", "TE-1"), TenantRef("y")]
        ),
        lambda: change_tenant_access(by=admin, origin=SYSTEM, user=ana, places=None),
        lambda: disable_user(by=admin, origin=SYSTEM, user=ana),
        lambda: enable_user(by=admin, origin=SYSTEM, user=ana),
        lambda: make_password_link(by=admin, origin=SYSTEM, user=ana),
        lambda: use_link(
            origin=SYSTEM, link=PasswordLink.objects.get(person=ana), password="correct horse battery"
        ),
        lambda: factor(ana).record_usage(),
        lambda: ana.authenticator_set.all().delete(),
        lambda: User.objects.get(pk=ana.pk).save(),
        role.refresh_from_db,
        lambda: User.objects.get(pk=ana.pk).delete(),
    ]
    for number, step in enumerate(steps):
        step()
        assert find_disagreements() == [], number


ATTACKS = {
    "role": (
        "UPDATE staff_user_groups SET group_id = (SELECT id FROM auth_group WHERE name = 'Admin') "
        "WHERE user_id = {ana}",
        "“ana”: role",
    ),
    "second role": (
        "INSERT INTO staff_user_groups (user_id, group_id) "
        "SELECT {ana}, id FROM auth_group WHERE name = 'Admin'",
        "“ana”: role",
    ),
    "own right": (
        "INSERT INTO staff_user_user_permissions (user_id, permission_id) "
        "SELECT {ana}, min(id) FROM auth_permission",
        "“ana”: permissions",
    ),
    "password": ("UPDATE staff_user SET password = '{hash}' WHERE id = {ana}", "“ana”: password"),
    "superuser": ("UPDATE staff_user SET is_superuser = true WHERE id = {ana}", "“ana”: status"),
    "disabled": ("UPDATE staff_user SET is_active = false WHERE id = {ana}", "“ana”: status"),
    "reach": ("UPDATE staff_user SET is_limited = true WHERE id = {ana}", "“ana”: status"),
    "e-mail": ("UPDATE staff_user SET email = 'eve@example.com' WHERE id = {ana}", "“ana”: status"),
    "factor deleted": ("DELETE FROM mfa_authenticator WHERE user_id = {ana}", "“ana”: second factors"),
    "seal deleted": ("DELETE FROM audit_access_seal WHERE subject = 'person:{ana}'", "“ana” was added"),
    "seal forged": (
        "UPDATE audit_access_seal SET seal = (SELECT max(seal) FROM audit_access_seal WHERE subject <> "
        "'person:{ana}') WHERE subject = 'person:{ana}'",
        "“ana”: the seal was altered",
    ),
    "right of a built-in role": (
        "DELETE FROM auth_group_permissions "
        "WHERE group_id = (SELECT id FROM auth_group WHERE name = 'Manager')",
        "role “Manager”: permissions",
    ),
    "right of an own role": (
        "DELETE FROM auth_group_permissions "
        "WHERE group_id = (SELECT id FROM auth_group WHERE name = 'Reader')",
        "role “Reader”: permissions",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_direct_edit_is_reported(attack, ana, admin, client):
    factor(ana)
    create_role(by=admin, origin=SYSTEM, name="Reader", rights=["merchant.view"])
    assert find_disagreements() == []
    statement, words = ATTACKS[attack]
    with connection.cursor() as cursor:
        cursor.execute(statement.format(ana=ana.pk, hash=make_password("x")))
        assert cursor.rowcount
    assert [found for found in find_disagreements() if found.startswith(words)], find_disagreements()
    report = verify_trail()
    assert report.whole and any(words in said for said in report.disagreements)
    warnings = client.get("/healthz/ready").json()["warnings"]
    assert words in warnings["access rights"]
    with pytest.raises(CommandError, match="Changed directly in the database"):
        call_command("access_seal")


def test_rows_added_by_hand_are_reported(ana):
    TenantScope.objects.bulk_create([TenantScope(user=ana, connection="x")])
    now = timezone.now()
    PasswordLink.objects.bulk_create([PasswordLink(person=ana, digest="d", made_at=now, expires_at=now)])
    User.objects.bulk_create([User(username="eve", password="!")])
    assert set(find_disagreements()) == {"“ana”: tenant access, one-time link", "“eve” was added"}


def test_a_later_change_by_the_portal_vouches_for_nothing(ana, admin):
    """The part that was edited stays reported; the others are sealed as ever."""
    User.objects.filter(pk=ana.pk).update(is_superuser=True)
    ana.refresh_from_db()
    ana.first_name = "Ana"
    ana.save()
    change_tenant_access(by=admin, origin=SYSTEM, user=ana, places=[TenantRef("x")])
    set_password(origin=SYSTEM, user=ana, password="another horse battery")
    assert find_disagreements() == ["“ana”: status, username or email address"]
    call_command("access_seal", accept="ana", reason="our own repair")
    assert find_disagreements() == [] and Event.objects.first().action == "staff.rights_accepted"


def test_the_deletion_of_a_row_is_accepted_by_its_number_and_recorded(ana, admin):
    role = create_role(by=admin, origin=SYSTEM, name="Reader", rights=["merchant.view"])
    subjects = [f"person:{ana.pk}", f"role:{role.pk}"]
    for subject in subjects:
        with pytest.raises(CommandError, match="There is no user with this username"):
            call_command("access_seal", accept=subject, reason="it is still there")
    # What a direct edit does: no signal is sent.
    User.groups.through.objects.filter(user=ana)._raw_delete("default")
    User.objects.filter(pk=ana.pk)._raw_delete("default")
    Group.permissions.through.objects.filter(group=role)._raw_delete("default")
    Group.objects.filter(pk=role.pk)._raw_delete("default")
    assert find_disagreements() == [f"{subject} was deleted" for subject in subjects]
    for subject, name in zip(subjects, ("ana", "Reader"), strict=True):
        with pytest.raises(CommandError, match="reason"):
            call_command("access_seal", accept=subject)
        call_command("access_seal", accept=subject, reason="a duplicate, removed by us")
        event = Event.objects.order_by("-sequence").first()
        assert (event.action, event.object_name) == ("staff.rights_accepted", name)
        assert f"{event.object_kind}:{event.object_guid}" == subject
        assert event.message == "row deleted in the database"
    assert find_disagreements() == []
    for subject in (*subjects, "pending", "nobody"):
        with pytest.raises(CommandError, match="There is no user with this username"):
            call_command("access_seal", accept=subject, reason="again")


def test_an_older_copy_that_is_put_back_with_its_seal_is_reported(ana, admin, monkeypatch):
    rows = AccessSeal.objects.get(pk=f"person:{ana.pk}"), Group.objects.get(name="Support agent")
    old = AccessSeal.objects.filter(pk=rows[0].pk).values().get()
    from portal.staff import access_seals

    monkeypatch.setattr(access_seals, "_ROUNDING", timedelta(0))
    change_role(by=admin, origin=SYSTEM, user=ana, role="Manager")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE staff_user_groups SET group_id = {rows[1].pk} WHERE user_id = {ana.pk}")  # noqa: S608
    AccessSeal.objects.filter(pk=old["subject"]).update(**old)
    assert find_disagreements() == ["“ana”: an older copy was restored"]


def test_the_upgrade_seals_what_is_there_once(ana):
    AccessSeal.objects.all().delete()
    seal_after_upgrade()
    assert find_disagreements()
    AccessSeal.objects.create(
        subject="pending", parts={}, sealed_at=timezone.now(), key_id="x", seal="forged"
    )
    seal_after_upgrade()
    assert find_disagreements()
    from importlib import import_module

    from django.apps import apps

    migration = import_module("portal.audit.migrations.0017_access_seals")
    migration.ask_to_seal(apps, SimpleNamespace(connection=connection))
    seal_after_upgrade()
    assert find_disagreements() == [] and not AccessSeal.objects.filter(pk="pending").exists()


def test_the_access_review_says_so(ana, admin, client_of):
    browser = client_of(admin)
    assert "Changed directly in the database" not in browser.get("/staff/access/").content.decode()
    Permission.objects.first()
    User.objects.filter(pk=ana.pk).update(password=make_password("x"))
    for path in ("/staff/access/", "/staff/access/review/"):
        page = browser.get(path).content.decode()
        assert "Changed directly in the database" in page and "“ana”: password" in page
