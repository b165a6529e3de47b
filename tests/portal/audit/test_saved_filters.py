"""Saved filters: a person's own, shared by role, bounded, and on record where others see them."""

import pytest
from django.core.exceptions import PermissionDenied

from portal.audit import saved
from portal.audit.models import Event, SavedFilter
from portal.audit.saved import filter_delete, filter_rename, filter_save, filter_share, filters_for
from portal.audit.services import Origin

pytestmark = pytest.mark.django_db
ORIGIN = Origin(1, "Max", "Manager", "s", "192.0.2.1", "r-1")


def save(by, name="Refused", query="outcome=refused&when=7", **values):
    return filter_save(by=by, origin=ORIGIN, name=name, query=query, **values)


def names(user):
    return [one.name for one in filters_for(user)]


def recorded():
    return [event.sentence for event in Event.objects.order_by("sequence")]


def test_a_filter_is_saved_from_the_list_and_opened_from_it(manager, admin, client_of):
    browser = client_of(manager)
    page = browser.get("/audit/?outcome=refused&when=7&before=9&nonsense=1").content.decode()
    assert "/audit/filters/?when=7&amp;outcome=refused" in page
    form = browser.get("/audit/filters/?when=7&outcome=refused").content.decode()
    assert "When: Last 7 days; Outcome: refused" in form
    answer = browser.post("/audit/filters/?when=7&outcome=refused&nonsense=1", {"name": "Refused lately"})
    assert answer.url == "/audit/filters/"
    assert 'href="/audit/?when=7&amp;outcome=refused"' in browser.get(answer.url).content.decode()
    opened = browser.get("/audit/?when=7&outcome=refused").content.decode()
    assert 'aria-current="true" href="?when=7&amp;outcome=refused"' in opened
    assert names(admin) == [] and recorded() == []


@pytest.mark.parametrize(
    ("query", "data", "words"),
    [
        ("outcome=refused", {"name": " "}, "required"),
        ("outcome=refused", {"name": "Taken"}, "There is a filter called “Taken” already"),
        ("nonsense=1", {"name": "Empty"}, "No saved filters"),
        ("outcome=refused", {"name": "x", "role": "Support agent"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_saved_is_said(manager, client_of, query, data, words):
    if words.startswith("There"):
        save(manager, "Taken")
    answer = client_of(manager).post(f"/audit/filters/?{query}", data)
    assert answer.status_code == 422 and words in answer.content.decode()


def test_a_shared_one_is_everybodys_of_that_role_and_on_record(manager, admin, person, client_of):
    mine = save(manager, role="Manager")
    other = person("mia", "Manager")
    assert names(other) == ["Refused"] and names(admin) == []
    assert "Refused" in client_of(other).get("/audit/").content.decode()
    filter_rename(by=other, origin=ORIGIN, saved=mine, name="Refused lately")
    filter_share(by=manager, origin=ORIGIN, saved=mine, role="Admin")
    filter_share(by=manager, origin=ORIGIN, saved=mine, role="Admin")
    assert names(other) == [] and names(admin) == ["Refused lately"] == names(manager)
    filter_share(by=admin, origin=ORIGIN, saved=mine, role="")
    assert names(admin) == [] and names(manager) == ["Refused lately"]
    beginnings = ["shared saved filter “Refused”: Manager,", "renamed", "shared", "withdrew"]
    assert all(begin in sentence for begin, sentence in zip(beginnings, recorded(), strict=True))
    assert Event.objects.get(action="filter.renamed").before_data == {"name": "Refused"}


def test_a_personal_one_is_its_owners_alone(manager, admin, client_of):
    mine = save(manager)
    for attempt in (
        lambda: filter_rename(by=admin, origin=ORIGIN, saved=mine, name="x"),
        lambda: filter_share(by=admin, origin=ORIGIN, saved=mine, role="Admin"),
        lambda: filter_delete(by=admin, origin=ORIGIN, saved=mine),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert client_of(admin).post(f"/audit/filters/{mine.pk}/", {"do": "delete"}).status_code == 404
    assert SavedFilter.objects.get().name == "Refused"


def test_sharing_needs_its_right_and_a_role_that_reads_the_trail(manager, agent):
    for role in ("Support agent", "Nobody"):
        with pytest.raises(saved.FilterRefused, match="may not read"):
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
    assert "“Other” is deleted" in page and not SavedFilter.objects.exists()
    assert [event.action for event in Event.objects.all()] == ["filter.withdrawn", "filter.shared"]


def test_their_number_is_bounded(manager, admin, monkeypatch):
    monkeypatch.setattr(saved, "MOST", 2)
    for name in ("one", "two"):
        save(manager, name, role="Manager")
    with pytest.raises(saved.FilterRefused, match="Delete one first"):
        save(manager, "three")
    with pytest.raises(saved.FilterRefused, match="Withdraw one first"):
        save(admin, "three", role="Manager")
    assert names(admin) == []
