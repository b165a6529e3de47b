"""Name and e-mail of a person: changed by another admin, on record, and the old address hears of it."""

import pytest
from django.core import mail

from portal.audit.models import Event
from portal.staff.models import User

WANTED = {"first_name": "Ana", "last_name": "Married", "email": "new@example.com"}


@pytest.fixture
def ana(person):
    """Ana, with an address."""
    return person("ana", "Support agent", first_name="Ana", last_name="Single", email="old@example.com")


def test_an_admin_changes_them_on_record_and_the_old_address_is_told(
    ana, admin, client_of, settings, django_capture_on_commit_callbacks
):
    settings.MAIL_ON = True
    browser, page = client_of(admin), f"/staff/{ana.pk}/"
    assert b"Change name or e-mail" in browser.get(page).content
    assert b"old@example.com" in browser.get(page + "details/").content
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(page + "details/", WANTED | {"username": "other"})["Location"] == page
    stored = User.objects.get(pk=ana.pk)
    assert (stored.called, stored.email, stored.username) == ("Ana Married", "new@example.com", "ana")
    event = Event.objects.get(action="staff.details_changed")
    assert event.actor_id == admin.pk and event.before_data["email"] == "old@example.com"
    (sent,) = mail.outbox
    assert sent.to == ["old@example.com"] and "Ada Admin changed" in sent.body
    assert browser.post(page + "details/", WANTED).status_code == 302
    assert Event.objects.filter(action="staff.details_changed").count() == 1  # nothing new


def test_what_is_no_address_is_refused(ana, admin, client_of):
    assert client_of(admin).post(f"/staff/{ana.pk}/details/", WANTED | {"email": "x"}).status_code == 422
    assert not Event.objects.exists()


def test_nobody_changes_their_own(admin, client_of):
    assert client_of(admin).post(f"/staff/{admin.pk}/details/", WANTED).status_code == 409
    assert User.objects.get(pk=admin.pk).email == ""
