"""The pages about people, the door and what it records."""

import re

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import path

from portal.audit.models import Event
from portal.core.view_access import SIGNED_IN, allow
from portal.staff.models import User
from portal.staff.roles import AGENT, MANAGER
from portal.urls import urlpatterns as real_patterns

NEW = {"username": "newcomer", "first_name": "New", "last_name": "Comer", "email": "", "role": AGENT}


def undeclared(request):
    """A view that forgot to say who may use it."""
    return HttpResponse("secret")


@allow(SIGNED_IN)
def refusing(request):
    """A view whose service says no."""
    raise PermissionDenied("This tenant is not yours.")


undeclared_by_method = allow({"GET": "staff.view"})(lambda request: HttpResponse("fine"))
misspelt = allow("merchant.veiw")(lambda request: HttpResponse("secret"))
urlpatterns = [
    *real_patterns,
    path("zz/undeclared/", undeclared),
    path("zz/refusing/", refusing),
    path("zz/methods/", undeclared_by_method),
    path("zz/misspelt/", misspelt),
]


@pytest.mark.urls(__name__)
def test_an_undeclared_view_is_closed_to_all(admin, client_of):
    for address in ("/zz/undeclared/", "/zz/misspelt/"):
        response = client_of(admin).get(address)
        assert response.status_code == 403 and b"secret" not in response.content
    assert [event.code for event in Event.objects.order_by("sequence")] == ["undeclared", "merchant.veiw"]
    assert client_of(None).get("/zz/undeclared/").status_code == 302


@pytest.mark.urls(__name__)
def test_an_undeclared_method_is_not_allowed(admin, client_of):
    assert client_of(admin).get("/zz/methods/").status_code == 200
    response = client_of(admin).post("/zz/methods/")
    assert response.status_code == 405 and response["Allow"] == "GET"


@pytest.mark.urls(__name__)
def test_what_a_service_refuses_is_recorded_too(agent, client_of):
    assert client_of(agent).get("/zz/refusing/").status_code == 403
    event = Event.objects.get()
    assert (event.action, event.code) == ("access.denied", "refused") and "not yours" in event.message


def test_the_denial_says_what_is_missing_and_who_has_it(agent, client_of):
    response = client_of(agent).get("/audit/")
    text = response.content.decode()
    assert "read the audit trail" in text and "Manager, Admin" in text and response["X-Request-Id"] in text
    event = Event.objects.get()
    assert (event.action, event.outcome, event.code) == ("access.denied", "denied", "audit.view")
    assert event.actor_id == agent.pk and event.request_id == response["X-Request-Id"]
    assert "GET /audit/ needs the permission to read the audit trail" in event.sentence


def test_a_denial_that_cannot_be_recorded_opens_nothing(agent, client_of, db):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO gone")
    answer = client_of(agent).get("/audit/")
    assert answer.status_code == 503 and b"Nothing was done" in answer.content


def test_a_form_sent_after_the_session_ended_is_not_sent_again(client_of, db):
    assert client_of(None).post("/staff/new/", NEW)["Location"] == "/accounts/login/?next=/"


def test_the_list_shows_everybody(admin, agent, outsider, client_of):
    User.objects.filter(pk=agent.pk).update(is_active=False)
    text = client_of(admin).get("/staff/").content.decode()
    assert "Ana Agent" in text and "Disabled" in text and "never" in text and "Add a user" in text


def test_managers_see_staff_and_change_nothing(manager, agent, client_of):
    browser = client_of(manager)
    assert "Add a user" not in browser.get("/staff/").content.decode()
    text = browser.get(f"/staff/{agent.pk}/").content.decode()
    assert "<dt>Merchants</dt><dd>view, create, change</dd>" in text and "Create a one-time link" not in text


def test_an_admin_adds_a_person_who_signs_in_with_the_link(admin, client_of):
    browser = client_of(admin)
    assert browser.get("/staff/new/").status_code == 200
    response = browser.post("/staff/new/", NEW)
    text = response.content.decode()
    assert response.status_code == 200 and response["Cache-Control"] == "no-store"
    link = re.search(r"http://testserver(/accounts/password/set/[^<\"]+)", text).group(1)
    created, linked = Event.objects.order_by("sequence")
    assert (created.action, linked.action) == ("staff.created", "staff.password_link_made")
    assert created.actor_id == admin.pk and link.split("/")[-2] not in str(Event.objects.values()[:])
    assert link not in str(dict(browser.session))
    guest = client_of(None)
    form = guest.get(link)["Location"]
    assert link.split("/")[-2] not in str(dict(guest.session))
    passphrase = "a long passphrase for me"
    guest.post(form, {"password1": passphrase, "password2": passphrase})
    guest.post("/accounts/login/", {"login": "newcomer", "password": passphrase})
    assert b"New Comer" in guest.get("/accounts/profile/").content


@pytest.mark.parametrize(
    "wrong", [{"username": "ada"}, {"username": "a b"}, {"username": ""}, {"role": "King"}]
)
def test_a_wrong_form_comes_back_with_the_reason(admin, client_of, wrong):
    response = client_of(admin).post("/staff/new/", NEW | wrong)
    assert response.status_code == 422 and b"data-form-errors" in response.content
    assert User.objects.count() == 1 and not Event.objects.exists()


def test_a_refusal_of_the_service_is_on_the_form(admin, client_of, monkeypatch):
    from portal.staff.services import StaffRefused

    def refuse(**_):
        raise StaffRefused("Somebody was faster.")

    monkeypatch.setattr("portal.staff.views.create_user", refuse)
    assert b"Somebody was faster." in client_of(admin).post("/staff/new/", NEW).content


def test_an_admin_changes_role_disables_enables_and_links(admin, agent, client_of):
    browser, page = client_of(admin), f"/staff/{agent.pk}/"
    assert browser.post(f"{page}role/", {"role": MANAGER})["Location"] == page
    assert browser.post(f"{page}disable/", {"reason": "left"})["Location"] == page
    assert b"Enable" in browser.get(page).content
    assert browser.post(f"{page}enable/")["Location"] == page
    assert b"shown only once" in browser.post(f"{page}link/").content
    assert User.objects.get(pk=agent.pk).role == MANAGER
    text = browser.get(page).content.decode()
    for sentence in (
        "changed the role of person",
        "disabled person",
        "enabled person",
        "created a one-time link",
    ):
        assert sentence in text


def test_a_role_that_does_not_exist_is_refused(admin, agent, client_of):
    assert client_of(admin).post(f"/staff/{agent.pk}/role/", {"role": "King"}).status_code == 422


def test_admins_do_not_change_themselves(admin, client_of):
    browser, page = client_of(admin), f"/staff/{admin.pk}/"
    assert b"This is your own account" in browser.get(page).content
    for step, data in (
        ("role", {"role": AGENT}),
        ("disable", {"reason": "left"}),
        ("enable", {}),
        ("link", {}),
    ):
        response = browser.post(f"{page}{step}/", data)
        assert (
            response.status_code == 409
            and "You can’t change your own permissions".encode() in response.content
        )
    assert User.objects.get().role == "Admin"
    assert [event.action for event in Event.objects.all()] == ["access.denied"] * 4


def test_people_set_their_own_time_zone_and_nothing_else(agent, client_of):
    browser = client_of(agent)
    assert b"<dt>Merchants</dt><dd>view, create, change</dd>" in browser.get("/accounts/profile/").content
    response = browser.post(
        "/accounts/profile/", {"timezone": "Europe/Vienna", "username": "root", "is_active": ""}
    )
    assert response.status_code == 302
    person = User.objects.get()
    assert (person.timezone, person.username, person.is_active) == ("Europe/Vienna", "ana", True)
    assert browser.post("/accounts/profile/", {"timezone": "Mars/Base"}).status_code == 422


def test_a_user_without_a_role_sees_an_explanation(outsider, client_of):
    assert b"Ask an admin for a role" in client_of(outsider).get("/accounts/profile/").content


def test_cancel_leads_back(admin, agent, client_of):
    back = {
        "/staff/new/": "/staff/",
        f"/staff/{agent.pk}/details/": f"/staff/{agent.pk}/",
        f"/staff/{agent.pk}/link/": f"/staff/{agent.pk}/",
        f"/staff/{agent.pk}/tenants/": f"/staff/{agent.pk}/",
        "/staff/roles/new/": "/staff/roles/",
    }
    for address, wanted in back.items():
        page = client_of(admin).get(address).content.decode()
        assert re.findall(r'<a class="btn" href="([^"]*)">Cancel</a>', page) == [wanted], address
