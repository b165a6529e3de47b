"""An admin says on a person's page where they work; recorded before and after, and never about oneself."""

import pytest

from portal.audit.models import Event
from portal.audit.recording import AuditUnavailable, get_system_origin
from portal.directory.models import IndexedEntity
from portal.staff.models import TenantScope, User
from portal.staff.roles import ADMIN
from portal.staff.services import StaffRefused
from portal.staff.tenant_access import TenantRef, change_tenant_access
from tests.conftest import PASSPHRASE

ORIGIN = get_system_origin("tests")


@pytest.fixture
def tenants(connection):
    """Guids of the tenants at the gateway, all known to the index."""
    from portal.directory.services import refresh_list

    refresh_list(connection="sandbox", kind="tenant")
    return list(
        IndexedEntity.objects.filter(kind="tenant").order_by("sort_key").values_list("guid", flat=True)
    )


def test_a_person_is_limited_and_freed_again_and_each_bites_at_the_next_click(
    admin, agent, tenants, client_of
):
    browser, theirs, page = client_of(admin), client_of(agent), f"/staff/{agent.pk}/tenants/"
    assert browser.get(page).status_code == 200
    answer = browser.post(page, {"where": "limited", "places": [f"sandbox/{tenants[0]}"]})
    assert answer["Location"] == f"/staff/{agent.pk}/"
    assert theirs.get(f"/sandbox/tenants/{tenants[0]}/").status_code == 200
    assert theirs.get(f"/sandbox/tenants/{tenants[1]}/").status_code == 404
    event = Event.objects.get(action="staff.reach_changed")
    assert event.before_data == {"tenants": ["everywhere"]}
    assert len(event.after_data["tenants"]) == 1 and tenants[0] in event.after_data["tenants"][0]
    assert tenants[0] in browser.get(f"/staff/{agent.pk}/").content.decode()
    browser.post(page, {"where": "everywhere", "places": [f"sandbox/{tenants[0]}"]})
    assert theirs.get(f"/sandbox/tenants/{tenants[1]}/").status_code == 200
    assert not TenantScope.objects.exists()


def test_saving_the_same_tenants_records_nothing_and_a_whole_connection_can_be_given(
    admin, agent, tenants, client_of
):
    browser, page = client_of(admin), f"/staff/{agent.pk}/tenants/"
    for _ in range(2):
        browser.post(page, {"where": "limited", "places": ["sandbox/"]})
    assert Event.objects.get(action="staff.reach_changed").after_data == {"tenants": ["sandbox: all tenants"]}
    assert "checked" in browser.get(page).content.decode()


@pytest.mark.parametrize("places", [[], ["sandbox/TE-NOBODY"], ["live/"]])
def test_nothing_and_unknown_places_are_refused(admin, agent, tenants, client_of, places):
    answer = client_of(admin).post(f"/staff/{agent.pk}/tenants/", {"where": "limited", "places": places})
    assert answer.status_code == 422
    assert not User.objects.get(pk=agent.pk).is_limited and not Event.objects.exists()


def test_a_tenant_that_is_gone_stays_on_offer_until_it_is_taken_away(admin, agent, tenants, client_of):
    place = TenantRef("old", "TE-GONE", "Gone Ltd")
    change_tenant_access(by=admin, origin=ORIGIN, user=agent, places=[place])
    page = client_of(admin).get(f"/staff/{agent.pk}/tenants/").content.decode()
    assert "No longer known" in page and "Gone Ltd" in page


def test_own_tenant_access_and_that_of_the_last_admin_cannot_be_limited(admin, person, tenants, client_of):
    with pytest.raises(StaffRefused, match="your own permissions"):
        change_tenant_access(by=admin, origin=ORIGIN, user=admin, places=[TenantRef("sandbox")])
    assert b"This is your own account" in client_of(admin).get(f"/staff/{admin.pk}/tenants/").content
    with pytest.raises(StaffRefused, match="last active admin"):
        change_tenant_access(by=None, origin=ORIGIN, user=admin, places=[TenantRef("sandbox")])
    person("zoe", ADMIN, PASSPHRASE)
    change_tenant_access(by=admin, origin=ORIGIN, user=person("adi", ADMIN), places=[TenantRef("sandbox")])


def test_without_a_record_nothing_changes(admin, agent, tenants):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO gone")
    with pytest.raises(AuditUnavailable):
        change_tenant_access(by=admin, origin=ORIGIN, user=agent, places=[TenantRef("sandbox")])
    assert not User.objects.get(pk=agent.pk).is_limited
