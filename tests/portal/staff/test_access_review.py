"""Who may do what where, on one page, as a file, and signed off regularly."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.staff import access_review
from portal.staff.access_review import (
    compute_access_digest,
    get_access_rows,
    get_review_status,
    record_access_review,
)
from portal.staff.services import StaffRefused, change_role, disable_user
from portal.staff.tenant_access import TenantRef, change_tenant_access

ORIGIN = get_system_origin("tests")
REVIEW = "/staff/access/review/"


def test_the_matrix_says_who_may_do_what_where(admin, agent, manager, person, client_of):
    change_tenant_access(by=admin, origin=ORIGIN, user=agent, places=[TenantRef("sandbox", "TE-1", "Alpine")])
    gone = person("gone", "Manager", first_name="Gone", last_name="Girl")
    disable_user(by=admin, origin=ORIGIN, user=gone)
    page = client_of(manager).get("/staff/access/").content.decode()
    assert "sandbox: Alpine" in page and "Disabled: Gone Girl" in page
    rows = {row.user.username: row for row in get_access_rows()}
    assert set(rows) == {"ada", "ana", "max"}
    for row in rows.values():
        assert row.rights == row.user.get_all_permissions(), "the table says what the door says"
    assert dict(rows["ana"].cells)["Merchants"] == ["view", "create", "change"]


def test_the_matrix_costs_the_same_for_many_people(admin, person, django_assert_max_num_queries):
    for number in range(20):
        person(f"p{number}", "Manager")
    with django_assert_max_num_queries(4):
        get_access_rows()


def test_the_file_holds_a_row_for_each_person_and_no_formula(admin, person, client_of):
    person("ann", "Manager", first_name="=1+1")
    answer = client_of(admin).get("/staff/access/file/")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["Username"] for row in rows] == ["ada", "ann"]
    assert rows[1]["Name"] == "'=1+1" and rows[1]["Audit trail"].startswith("view; export; verify")


def test_a_review_is_signed_off_with_a_note_and_is_an_event(manager, client_of):
    browser = client_of(manager)
    assert b"No access review yet" in browser.get("/staff/access/").content
    digest = browser.get(REVIEW).context["digest"]
    assert browser.post(REVIEW, {"note": "", "seen": digest}).status_code == 422
    assert browser.post(REVIEW, {"note": "All as it should be", "seen": digest}).status_code == 302
    event = Event.objects.get(action="staff.access_reviewed")
    assert event.after_data == {"people": 1, "digest": digest}
    assert event.sentence == "Max Manager (Manager) signed off an access review: 1 user: All as it should be"
    page = browser.get("/staff/access/").content.decode()
    assert "by Max Manager: “All as it should be”" in page and "Nothing has changed since" in page


def test_what_changed_while_it_was_reviewed_is_not_signed_off(admin, agent, client_of):
    browser = client_of(admin)
    digest = browser.get(REVIEW).context["digest"]
    change_role(by=admin, origin=ORIGIN, user=agent, role="Manager")
    answer = browser.post(REVIEW, {"note": "Fine", "seen": digest})
    assert answer.status_code == 422 and b"Permissions changed while you were reviewing" in answer.content
    assert b"Fine" in answer.content and not Event.objects.filter(action="staff.access_reviewed").exists()
    again = {"note": "Fine", "seen": compute_access_digest(get_access_rows())}
    assert again["seen"] in answer.content.decode() and browser.post(REVIEW, again).status_code == 302
    change_role(by=admin, origin=ORIGIN, user=agent, role="Support agent")
    assert b"Permissions have changed since" in browser.get("/staff/access/").content


def test_a_review_that_is_due_is_said_on_the_home_page(manager, agent, client_of, settings, monkeypatch):
    browser = client_of(manager)
    assert b"No access review yet" in browser.get("/").content
    assert b"Access review" not in client_of(agent).get("/").content
    record_access_review(
        by=manager, origin=ORIGIN, note="Fine", seen=compute_access_digest(get_access_rows())
    )
    assert not get_review_status().overdue and b"Access review" not in browser.get("/").content
    later = timezone.now() + timedelta(days=93)
    monkeypatch.setattr(access_review.timezone, "now", lambda: later)
    assert get_review_status().overdue
    settings.ACCESS_REVIEW_DAYS = 365
    assert not get_review_status().overdue
    settings.ACCESS_REVIEW_DAYS = 0
    assert get_review_status().due_at is None


def test_only_who_may_signs_off(agent):
    with pytest.raises(StaffRefused, match="role does not allow"):
        record_access_review(by=agent, origin=ORIGIN, note="x", seen=compute_access_digest(get_access_rows()))
