"""What the portal itself refuses stands in the trail: no reach, a paused connection, a rule, a lost token."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from portal.audit.models import Event
from portal.changes.models import Change
from portal.directory.models import IndexedEntity
from portal.directory.services import refresh_list
from portal.staff.models import TenantScope, User
from portal.staff.roles import ADMIN, AGENT
from provisioning.credentials.services import create_connection
from tests.conftest import PASSPHRASE
from tests.factories import merchant_made, unique
from tests.portal.connections.conftest import trail_broken

WAYS = ("merchants:page", "merchants:edit", "merchants:disable", "merchant_users:create")
NOWHERE = "/sandbox/merchants/ME-0000-0000-0000-0000/"


def denials():
    """Code and message of every denial, oldest first."""
    found = Event.objects.filter(action="access.denied").order_by("sequence")
    assert not found.exclude(outcome="denied").exists()
    return list(found.values_list("actor_name", "connection", "code", "message"))


@pytest.fixture
def shops(connection):
    """A merchant of each of two tenants; the first is Lia's."""
    refresh_list(connection="sandbox", kind="tenant")
    tenants = (
        IndexedEntity.objects.filter(kind="tenant").exclude(guid=connection.tenant_guid).order_by("guid")
    )
    return [merchant_made(connection, tenant=row.guid, name=f"Shop {unique()}") for row in tenants[:2]]


@pytest.fixture
def lia(person, shops):
    """Lia, an agent for the tenant of the first shop alone."""
    someone = person("lia", AGENT)
    User.objects.filter(pk=someone.pk).update(is_limited=True)
    TenantScope.objects.create(user=someone, connection="sandbox", tenant_guid=shops[0].parent)
    return User.objects.get(pk=someone.pk)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_opening_another_tenants_merchant_is_recorded_once_and_not_found(lia, shops, client_of, way, method):
    path = reverse(way, args=["sandbox", shops[1].guid])
    answer = client_of(lia).generic(method, path)
    assert answer.status_code in (404, 405)
    told = f"{method} {path} tried to open something outside the account’s tenants"
    expected = [(lia.called, "sandbox", "beyond_reach", told)]
    assert denials() == (expected if answer.status_code == 404 else [])


def test_what_does_not_exist_is_not_recorded(lia, shops, agent, client_of):
    for path in (NOWHERE, f"/changes/{'0' * 8}-0000-4000-8000-{'0' * 12}/", "/live/merchants/"):
        assert client_of(lia).get(path).status_code == 404
        assert client_of(agent).get(path).status_code == 404
    assert client_of(lia).get(reverse("merchants:page", args=["sandbox", shops[0].guid])).status_code == 200
    assert client_of(None).get(reverse("merchants:page", args=["sandbox", shops[1].guid])).status_code == 302
    assert not Event.objects.exists()


def test_opening_another_tenants_change_or_connection_is_recorded(lia, shops, agent, client_of):
    client_of(agent).post(reverse("merchants:disable", args=["sandbox", shops[1].guid]), {"reason": "risk"})
    page = reverse("changes:page", args=[Change.objects.get().pk])
    assert client_of(lia).get(page).status_code == 404
    assert client_of(lia).post(f"{page}send/").status_code == 404
    create_connection(slug="live", name="Live", base_url="https://live.example", tenant_guid="TE-1")
    for path in ("/live/merchants/", "/connections/live/"):
        assert client_of(lia).get(path).status_code == 404
    assert [(code, told.split(" tried to open")[0]) for _who, _where, code, told in denials()] == [
        ("beyond_reach", f"GET {page}"),
        ("beyond_reach", f"POST {page}send/"),
        ("beyond_reach", "GET /live/merchants/"),
        ("beyond_reach", "GET /connections/live/"),
    ]


def test_a_trail_that_cannot_be_written_does_not_tell_what_exists(lia, shops, client_of):
    with trail_broken():
        paths = (reverse("merchants:page", args=["sandbox", shops[1].guid]), NOWHERE)
        answers = [client_of(lia).get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert len({re.sub(r"[0-9a-f]{16}", "…", answer.content.decode()) for answer in answers}) == 1


def test_a_write_on_a_paused_connection_is_recorded(connection, agent, client_of):
    shop = merchant_made(connection)
    browser = client_of(agent)
    disable = reverse("merchants:disable", args=["sandbox", shop.guid])
    browser.post(disable, {"reason": "risk"})
    send = reverse("changes:send", args=[Change.objects.get().pk])
    create = f"/sandbox/merchants/new/?tenant={connection.tenant_guid}"
    type(connection).objects.update(is_paused=True)
    new = {"name": "Shop", "homepage": "https://shop.example", "timezone": "UTC"}
    for path, values in ((disable, {"reason": "risk"}), (send, {"reason": "risk"}), (create, new)):
        answer = browser.post(path, values)
        assert answer.status_code == 503 and "is paused: it is read-only" in answer.content.decode()
    rows = denials()
    assert [told.partition(" got")[0] for *_rest, told in rows] == [
        f"POST {disable}",
        f"POST {send}",
        "POST /sandbox/merchants/new/",
    ]
    assert {code for _who, _where, code, _told in rows} == {"paused"}
    assert all("is paused: it is read-only" in told for *_rest, told in rows)


def test_what_the_rules_about_people_refuse_is_recorded(admin, agent, client_of):
    browser = client_of(admin)
    assert browser.post(f"/staff/{admin.pk}/disable/", {"reason": "left"}).status_code == 409
    assert browser.post(f"/staff/{admin.pk}/tenants/", {"where": "everywhere"}).status_code == 422
    assert browser.post(f"/staff/{agent.pk}/link/withdraw/").status_code == 409
    rows = denials()
    assert [told.partition(" got the answer: ")[::2] for *_rest, told in rows] == [
        (f"POST /staff/{admin.pk}/disable/", "You can’t change your own permissions. Ask another admin."),
        (f"POST /staff/{admin.pk}/tenants/", "You can’t change your own permissions. Ask another admin."),
        (
            f"POST /staff/{agent.pk}/link/withdraw/",
            "There is no open link. It has already been used or withdrawn.",
        ),
    ]
    assert {code for _who, _where, code, _told in rows} == {"refused"}


def test_a_refusal_that_cannot_be_recorded_says_so(admin, client_of):
    with trail_broken():
        answer = client_of(admin).post(f"/staff/{admin.pk}/tenants/", {"where": "everywhere"})
    assert answer.status_code == 503 and not denials()


def test_a_form_without_token_is_recorded_for_who_is_signed_in(person):
    ada = person("ada", ADMIN, PASSPHRASE)
    browser = Client(enforce_csrf_checks=True)
    assert browser.post("/accounts/login/", {"login": "ada", "password": PASSPHRASE}).status_code == 403
    assert not denials()
    browser.force_login(ada)
    answer = browser.post(f"/staff/{ada.pk}/disable/")
    assert answer.status_code == 403 and "no longer valid" in answer.content.decode()
    ((who, _where, code, told),) = denials()
    assert (who, code) == (ada.called, "no_token")
    assert told == f"POST /staff/{ada.pk}/disable/ was sent without a valid form token"
