"""Saved filters: a person's own, shared by role, bounded, and on record where others see them."""

import re
from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied

from portal.audit import recording, saved_filters
from portal.audit.models import Event, SavedFilter
from portal.audit.recording import Origin, record_event
from portal.audit.saved_filters import (
    delete_filter,
    get_filters,
    rename_filter,
    save_filter,
    share_filter,
)
from portal.staff.custom_roles import create_role, delete_role

pytestmark = pytest.mark.django_db
ORIGIN = Origin(1, "Max", "Manager", "s", "192.0.2.1", "r-1")


def save(by, name="Refused", query="outcome=refused&when=7", **values):
    return save_filter(by=by, origin=ORIGIN, name=name, query=query, **values)


def names(user):
    return [one.name for one in get_filters(user)]


def recorded():
    return [event.sentence for event in Event.objects.order_by("sequence")]


def test_a_filter_is_saved_from_the_list_and_opened_from_it(manager, admin, client_of):
    browser = client_of(manager)
    page = browser.get("/audit/?outcome=refused&when=7&before=9&nonsense=1").content.decode()
    assert "/audit/filters/?when=7&amp;outcome=refused" in page
    form = browser.get("/audit/filters/?when=7&outcome=refused").content.decode()
    assert "When: Last 7 days; Outcome: refused; Time zone: UTC" in form
    answer = browser.post("/audit/filters/?when=7&outcome=refused&nonsense=1", {"name": "Refused lately"})
    assert answer.url == "/audit/filters/"
    listed = browser.get(answer.url).content.decode()
    assert 'href="/audit/?when=7&amp;outcome=refused&amp;zone=UTC"' in listed
    assert "Change<span" in listed and 'data-label="Change"' not in listed, "said twice on a phone"
    opened = browser.get("/audit/?when=7&outcome=refused&zone=UTC").content.decode()
    assert 'aria-current="true" href="?when=7&amp;outcome=refused&amp;zone=UTC"' in opened
    assert names(admin) == [] and recorded() == []


@pytest.mark.parametrize(
    ("query", "data", "words"),
    [
        ("outcome=refused", {"name": " "}, "required"),
        ("outcome=refused", {"name": "Taken"}, "A filter named “Taken” already exists"),
        ("nonsense=1", {"name": "Empty"}, "No saved filters"),
        ("outcome=refused", {"name": "x", "role": "Support agent"}, "not one of the available choices"),
    ],
)
def test_filters_that_cannot_be_saved_are_explained(manager, client_of, query, data, words):
    if words.startswith("A filter"):
        save(manager, "Taken")
    answer = client_of(manager).post(f"/audit/filters/?{query}", data)
    assert answer.status_code == 422 and words in answer.content.decode()


def test_a_shared_one_is_everybodys_of_that_role_and_on_record(manager, admin, person, client_of):
    mine = save(manager, role="Manager")
    other = person("mia", "Manager")
    assert names(other) == ["Refused"] and names(admin) == []
    assert "Refused" in client_of(other).get("/audit/").content.decode()
    rename_filter(by=other, origin=ORIGIN, saved=mine, name="Refused lately")
    share_filter(by=manager, origin=ORIGIN, saved=mine, role="Admin")
    share_filter(by=manager, origin=ORIGIN, saved=mine, role="Admin")
    assert names(other) == [] and names(admin) == ["Refused lately"] == names(manager)
    share_filter(by=admin, origin=ORIGIN, saved=mine, role="")
    assert names(admin) == [] and names(manager) == ["Refused lately"]
    beginnings = ["shared saved filter “Refused”: Manager,", "renamed", "shared", "withdrew"]
    assert all(begin in sentence for begin, sentence in zip(beginnings, recorded(), strict=True))
    assert Event.objects.get(action="filter.renamed").before_data == {"name": "Refused"}


def test_only_its_owner_sees_a_personal_filter(manager, admin, client_of):
    mine = save(manager)
    for attempt in (
        lambda: rename_filter(by=admin, origin=ORIGIN, saved=mine, name="x"),
        lambda: share_filter(by=admin, origin=ORIGIN, saved=mine, role="Admin"),
        lambda: delete_filter(by=admin, origin=ORIGIN, saved=mine),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert client_of(admin).post(f"/audit/filters/{mine.pk}/", {"do": "delete"}).status_code == 404
    assert SavedFilter.objects.get().name == "Refused"


def test_sharing_needs_its_right_and_a_role_that_reads_the_trail(manager, agent):
    for role in ("Support agent", "Nobody"):
        with pytest.raises(saved_filters.FilterRefused, match="does not have access to"):
            save(manager, role=role)
    with pytest.raises(PermissionDenied):
        save(agent, role="Manager")
    assert not SavedFilter.objects.exists() and recorded() == []


def test_buttons_rename_share_and_delete(manager, client_of):
    mine, browser = save(manager), client_of(manager)
    address = f"/audit/filters/{mine.pk}/"
    browser.post(address, {"do": "rename", "name": "Other"})
    browser.post(address, {"do": "share", "role": "Manager"})
    mine.refresh_from_db()
    assert (mine.name, mine.role) == ("Other", "Manager")
    assert "Give the filter a name" in browser.post(address, {"do": "nonsense"}, follow=True).content.decode()
    page = browser.post(address, {"do": "delete"}, follow=True).content.decode()
    assert "“Other” deleted" in page and not SavedFilter.objects.exists()
    assert [event.action for event in Event.objects.all()] == ["filter.withdrawn", "filter.shared"]


def test_their_number_is_bounded(manager, admin, monkeypatch):
    monkeypatch.setattr(saved_filters, "MAX_FILTERS", 2)
    for name in ("one", "two"):
        save(manager, name, role="Manager")
    with pytest.raises(saved_filters.FilterRefused, match="Delete one first"):
        save(manager, "three")
    with pytest.raises(saved_filters.FilterRefused, match="Stop sharing one first"):
        save(admin, "three", role="Manager")
    assert names(admin) == []


def at(moment, monkeypatch):
    """Something that happens at that time of UTC, by the trail's own clock."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(moment).replace(tzinfo=UTC)

    monkeypatch.setattr(recording, "datetime", Clock)
    return record_event(action="session.signed_in", origin=ORIGIN).pk


def test_a_shared_filter_finds_the_same_for_everybody_wherever_they_are(
    manager, person, client_of, monkeypatch
):
    manager.timezone = "Pacific/Auckland"  # 13 hours before UTC in November
    manager.save()
    rows = [
        at(f"2026-11-{moment}", monkeypatch) for moment in ("02T10:00", "02T12:00", "03T10:00", "03T12:00")
    ]
    monkeypatch.undo()
    save(manager, "The third", query="from=2026-11-03&to=2026-11-03&action=session.", role="Manager")
    other = person("mia", "Manager", timezone="America/Los_Angeles")
    for reader in (manager, other):
        browser = client_of(reader)
        page = browser.get("/audit/filters/").content.decode()
        assert "From: 2026-11-03; To: 2026-11-03; What: session.; Time zone: Pacific/Auckland" in page
        opened = re.search(r'href="(/audit/\?from[^"]+)"', page)[1].replace("&amp;", "&")
        found = browser.get(opened).content.decode()
        assert {row for row in rows if f'href="/audit/{row}/"' in found} == {rows[1], rows[2]}
        assert "are in Pacific/Auckland" in found and 'name="zone" value="Pacific/Auckland"' in found
    again = client_of(other).post("/audit/filters/" + opened.removeprefix("/audit/"), {"name": "Mine"})
    assert again.status_code == 302 and SavedFilter.objects.get(name="Mine").query.endswith("Auckland")


def test_an_unknown_zone_is_reported_and_a_zone_without_times_is_ignored(manager, client_of):
    browser = client_of(manager)
    for zone in ("Europe/Nowhere", "../../etc/passwd", "Europe"):
        page = browser.get(f"/audit/?when=7&zone={zone}").content.decode()
        assert f"“{zone}” is not a time zone." in page
    assert "“Europe” is not a time zone." not in browser.get("/audit/?zone=Europe").content.decode()
    assert save(manager, query="outcome=refused&zone=Europe/Vienna").query == "outcome=refused"


def test_those_saved_before_get_the_zone_of_their_owner(manager, admin):
    manager.timezone = "Asia/Tokyo"
    manager.save()
    for owner, query in (
        (manager, "when=7&outcome=refused"),
        (admin, "from=2026-11-03"),
        (admin, "words=x+y"),
    ):
        SavedFilter.objects.create(owner=owner, name=query, query=query)
    import_module("portal.audit.migrations.0012_zone_of_saved_filters").zone_add(apps, None)
    assert [kept.query for kept in SavedFilter.objects.order_by("pk")] == [
        "when=7&outcome=refused&zone=Asia%2FTokyo",
        "from=2026-11-03&zone=UTC",
        "words=x+y",
    ]


def test_filters_shared_with_a_deleted_role_stay_with_their_owners_only(admin, manager, client_of):
    role = create_role(by=admin, origin=ORIGIN, name="Auditor", rights=["audit.view"])
    mine, kept = save(manager, role="Auditor"), save(admin, role="Manager")
    delete_role(by=admin, origin=ORIGIN, role=role)
    assert set(SavedFilter.objects.values_list("pk", "role")) == {(mine.pk, ""), (kept.pk, "Manager")}
    withdrawn = Event.objects.get(action="filter.withdrawn")
    assert withdrawn.object_guid == str(mine.pk) and withdrawn.message.startswith("Auditor, ")
    create_role(by=admin, origin=ORIGIN, name="Auditor", rights=["audit.view"])
    page = client_of(manager).get(f"/audit/filters/{mine.pk}/").content.decode()
    assert "withdrew saved filter “Refused”" in page and "shared saved filter “Refused”" in page
    assert (
        "no one. Changes are recorded only while" in page
        and client_of(admin).get(f"/audit/filters/{mine.pk}/").status_code == 404
    )
