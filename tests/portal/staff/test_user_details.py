"""Name and email of a person: changed by another admin, on record, and the old address hears of it."""

import pytest
from django.core import mail

from portal.audit.models import Event
from portal.staff.models import User

WANTED = {"first_name": "Ana", "last_name": "Married", "email": "new@example.com"}


@pytest.fixture
def ana(person):
    """Ana, with an address."""
    return person("ana", "Support agent", first_name="Ana", last_name="Single", email="old@example.com")


def test_changed_details_are_recorded_and_the_old_address_is_notified(
    ana, admin, client_of, settings, django_capture_on_commit_callbacks
):
    settings.MAIL_ON = True
    browser, page = client_of(admin), f"/staff/{ana.pk}/"
    assert b"Change name or email" in browser.get(page).content
    assert b"old@example.com" in browser.get(page + "details/").content
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(page + "details/", WANTED | {"username": "other"})["Location"] == page
    stored = User.objects.get(pk=ana.pk)
    assert (stored.called, stored.email, stored.username) == ("Ana Married", "new@example.com", "ana")
    event = Event.objects.get(action="staff.details_changed")
    assert event.actor_id == admin.pk and event.before_data["email"] == "old@example.com"
    assert sorted(sent.to[0] for sent in mail.outbox) == ["new@example.com", "old@example.com"]
    for sent in mail.outbox:
        assert "Ada Admin changed the sign-in" in sent.body and "changed to new@example.com" in sent.body
    assert browser.post(page + "details/", WANTED).status_code == 302
    assert Event.objects.filter(action="staff.details_changed").count() == 1  # nothing new


def test_an_invalid_address_is_refused(ana, admin, client_of):
    assert client_of(admin).post(f"/staff/{ana.pk}/details/", WANTED | {"email": "x"}).status_code == 422
    assert not Event.objects.exists()


def test_users_cannot_change_their_own_details(admin, client_of):
    assert client_of(admin).post(f"/staff/{admin.pk}/details/", WANTED).status_code == 409
    assert User.objects.get(pk=admin.pk).email == ""


ALIKE = {
    "another's name": ("Max", "Manager"),
    "in other letters": ("MAX", "manager"),
    "split otherwise": ("Max Manager", ""),
    "with more blanks": ("Max\u00a0", " Manager"),
    "in wide letters": ("\N{FULLWIDTH LATIN CAPITAL LETTER M}ax", "Manager"),
    "another's user name": ("max", ""),
}


@pytest.mark.parametrize("way", ALIKE)
def test_a_name_of_another_user_is_refused(*, ana, admin, manager, client_of, way):
    first, last = ALIKE[way]
    browser, wanted = client_of(admin), {"first_name": first, "last_name": last, "email": ""}
    refused = browser.post(f"/staff/{ana.pk}/details/", wanted)
    assert refused.status_code == 409
    assert "could be mistaken for Max Manager (username max)" in refused.content.decode()
    assert User.objects.get(pk=ana.pk).called == "Ana Single"
    newcomer = {"username": "new", "role": "Support agent", "first_name": first, "last_name": last}
    refused = browser.post("/staff/new/", newcomer)
    assert refused.status_code == 422 and "could be mistaken for" in refused.content.decode()
    assert not User.objects.filter(username="new").exists() and not Event.objects.exists()


def test_a_name_with_an_invisible_character_is_refused_for_everybody(*, ana, admin, manager, client_of):
    browser, hidden = client_of(admin), {"first_name": "Ma\u200bx", "last_name": "Manager"}
    for address, more in (
        (f"/staff/{ana.pk}/details/", {"email": ""}),
        ("/staff/new/", {"username": "new", "role": "Support agent"}),
    ):
        refused = browser.post(address, hidden | more)
        assert refused.status_code == 422 and "invisible character" in refused.content.decode()
    assert User.objects.get(pk=ana.pk).called == "Ana Single"
    assert not User.objects.filter(username="new").exists()


def test_a_username_that_reads_like_another_users_name_is_refused(person, admin, client_of):
    person("m1", "Manager", first_name="Max")
    refused = client_of(admin).post("/staff/new/", {"username": "Max", "role": "Support agent"})
    assert (
        refused.status_code == 422 and "could be mistaken for Max (username m1)" in refused.content.decode()
    )


def test_one_s_own_user_name_may_be_the_name_and_the_rest_may_change_under_an_old_namesake(
    *, ana, admin, person, client_of
):
    browser, page = client_of(admin), f"/staff/{ana.pk}/details/"
    assert browser.post(page, {"first_name": "ana", "last_name": "", "email": ""}).status_code == 302
    person("other", "Manager", first_name="ana")
    assert (
        browser.post(page, {"first_name": "ana", "last_name": "", "email": "a@example.com"}).status_code
        == 302
    )


def test_the_record_tells_people_apart_who_were_called_alike(*, ana, admin, person, client_of):
    namesake = person("anna", "Admin", first_name="Ada", last_name="Admin")
    details = {"first_name": "Ana", "last_name": "Married"}
    for number, (by, email) in enumerate([(admin, "a@example.com"), (namesake, "b@example.com")], start=1):
        assert client_of(by).post(f"/staff/{ana.pk}/details/", {**details, "email": email}).status_code == 302
        shown = client_of(admin).get(f"/audit/{number}/").content.decode()
        assert f"username <code>{by.username}</code>, account {by.pk}" in shown
        assert f"username <code>ana</code>, account {ana.pk}" in shown
