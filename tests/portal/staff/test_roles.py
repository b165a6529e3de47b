"""Rights come from the role alone, and bite at the next request."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.management import call_command

from portal.core.permissions import AREAS, PERMISSIONS, describe_permission, permissions_by_area
from portal.staff.backends import StaffBackend
from portal.staff.models import User
from portal.staff.roles import (
    ADMIN,
    AGENT,
    BUILT_IN_ROLES,
    MANAGER,
    get_built_in_roles,
    get_roles_with,
    sync_roles,
)
from provisioning.operations import OPERATIONS

pytestmark = pytest.mark.django_db


def fresh(person):
    """The person as the next request sees them."""
    return User.objects.get(pk=person.pk)


# Built-in roles as they were when every permission stood in one table: an upgrade changes none of them.
ENTITIES = {
    "tenant.view", "tenant.update", "merchant.view", "merchant.create", "merchant.update",
    "merchant_user.view", "merchant_user.create", "merchant_user.update", "connector.view",
    "connector.create", "connector.update", "connector.reveal_secret",
}  # fmt: skip
VIEWS = {name for name in ENTITIES if name.endswith(".view")} | {"change.view", "connection.view"}
AUDIT = {"audit.view", "audit.export", "audit.verify", "audit.review", "audit.share_filter"}
ADMINISTRATION = {
    "connection.create", "connection.update", "credential.reset", "staff.view", "staff.create",
    "staff.update", "role.update", "access.review",
}  # fmt: skip


def test_the_built_in_roles_hold_the_permissions_of_existing_pages():
    assert get_built_in_roles() == {
        AGENT: ENTITIES | VIEWS,
        MANAGER: VIEWS | AUDIT | {"staff.view", "access.review"},
        ADMIN: ENTITIES | VIEWS | AUDIT | ADMINISTRATION,
    }
    assert tuple(get_built_in_roles()) == BUILT_IN_ROLES


def test_every_operation_with_a_page_needs_a_registered_permission_that_a_role_holds():
    for operation in OPERATIONS.values():
        assert operation.permission
        if operation.kind in ("routing", "nt_enrollment"):  # no pages yet: nobody can be given these
            assert operation.permission not in PERMISSIONS
        else:
            assert get_roles_with(operation.permission)


def test_every_permission_belongs_to_a_registered_area_in_order():
    assert {name.partition(".")[0] for name in PERMISSIONS} == set(AREAS)
    headings = list(permissions_by_area(list(PERMISSIONS)))
    assert headings[:5] == ["Tenants", "Merchants", "Merchant users", "Connectors", "Changes"]


def test_each_person_has_exactly_the_rights_of_their_role(agent, manager, admin, outsider):
    for person, role in ((agent, AGENT), (manager, MANAGER), (admin, ADMIN)):
        assert person.get_all_permissions() == get_built_in_roles()[role]
        assert person.role == role
    assert outsider.get_all_permissions() == set() and outsider.role == ""


def test_agents_write_entities_and_managers_read_the_trail(agent, manager, admin):
    assert agent.has_perms(["merchant.create", "connector.reveal_secret", "change.view", "connection.view"])
    assert not any(agent.has_perm(name) for name in ("audit.view", "staff.view", "credential.reset"))
    assert manager.has_perms(["audit.view", "audit.export", "audit.verify", "merchant.view"])
    assert not any(manager.has_perm(name) for name in ("merchant.create", "staff.create", "credential.reset"))
    assert admin.has_perms(PERMISSIONS) and not manager.has_perms(PERMISSIONS)
    assert agent.has_module_perms("merchant") and not agent.has_module_perms("audit")


def test_the_superuser_flag_gives_nothing(outsider):
    outsider.is_superuser = outsider.is_staff = True
    outsider.save()
    person = fresh(outsider)
    assert not person.has_perm("merchant.view") and not person.get_all_permissions()


def test_personal_permissions_have_no_effect(outsider):
    outsider.user_permissions.add(
        Permission.objects.get(content_type__app_label="merchant", codename="create")
    )
    assert not fresh(outsider).has_perm("merchant.create")
    assert not fresh(outsider).get_user_permissions()


def test_disabled_people_have_no_rights_and_are_out_at_once(agent, client_of):
    browser = client_of(agent)
    assert browser.get("/").status_code == 200
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert not fresh(agent).has_perm("merchant.view")
    assert browser.get("/").status_code == 302


def test_a_changed_role_bites_at_the_next_request(manager, client_of):
    browser = client_of(manager)
    assert browser.get("/audit/").status_code == 200
    manager.groups.set([Group.objects.get(name=AGENT)])
    assert browser.get("/audit/").status_code == 403


def test_production_does_not_let_demo_people_in(agent, client_of, settings):
    agent.is_demo = True
    agent.save()
    browser = client_of(agent)
    assert browser.get("/").status_code == 200
    settings.PRODUCTION = True
    settings.SECURE_SSL_REDIRECT = False
    assert browser.get("/").status_code == 302
    assert not fresh(agent).has_perm("merchant.view")


def test_anonymous_users_and_single_objects_have_no_permissions(agent):
    assert not StaffBackend().get_all_permissions(AnonymousUser())
    assert not agent.has_perm("merchant.view", object())


def test_the_database_follows_the_code_however_often():
    group = Group.objects.get(name=AGENT)
    group.permissions.add(Permission.objects.get(content_type__app_label="audit", codename="view"))
    kind = Permission.objects.get(content_type__app_label="merchant", codename="view").content_type
    Permission.objects.create(content_type=kind, codename="imagined", name="x")
    for _ in range(2):
        sync_roles()
    held = group.permissions.values_list("content_type__app_label", "codename")
    assert {f"{room}.{right}" for room, right in held} == get_built_in_roles()[AGENT]
    assert not Permission.objects.filter(codename="imagined").exists()
    before = Permission.objects.count()
    call_command("migrate", verbosity=0)
    assert Permission.objects.count() == before


def test_every_right_has_plain_words():
    assert all(describe_permission(name) != name for name in PERMISSIONS)
    assert describe_permission("unknown.right") == "unknown.right"
