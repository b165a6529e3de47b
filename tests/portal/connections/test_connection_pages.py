"""The connections' pages: who sees what, and how one is added, changed, paused and resumed."""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import get_system_origin
from portal.connections.optimistic_lock import get_connection_digest
from portal.connections.services import update_connection
from portal.staff.custom_roles import create_role
from portal.staff.models import TenantScope
from provisioning.credentials.credential_lifecycle import replace_credential
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import create_connection
from tests.portal.connections.conftest import actions, states, trail_broken

PAGE = "/connections/staging/"
EDIT = "/connections/staging/edit/"
NEW = {
    "name": "Live", "slug": "live", "kind": "production", "colour": "green", "tenant_guid": "TE-7",
    "base_url": "https://gateway.example.com/api/provisioning/",
    "egress_addresses": "203.0.113.7\n198.51.100.0/24", "remind_after_days": "30",
}  # fmt: skip


def changed(connection: Connection, **values: object) -> dict[str, object]:
    """The edit form as a browser sends it, with some values changed."""
    names = ("name", "kind", "colour", "base_url", "tenant_guid", "egress_addresses", "remind_after_days")
    return (
        {name: getattr(connection, name) for name in names}
        | {"seen": get_connection_digest(connection)}
        | values
    )


def test_everybody_with_a_role_sees_the_connections_but_no_value(staging, agent, client_of) -> None:
    listed = client_of(agent).get(reverse("connections:list"))
    page = client_of(agent).get(PAGE)
    assert listed.status_code == page.status_code == 200
    credential = staging.credentials.get()
    for text in ("Staging", staging.base_url, staging.tenant_guid, credential.api_key_fingerprint, "Otto"):
        assert text in page.content.decode()
    for secret in ("old-key-0001", "old-password-0001", credential.sealed_password):
        assert secret not in page.content.decode() + listed.content.decode()
    for step in ("reset", "edit", "pause", "revoke-now"):
        assert f"{PAGE}{step}/" not in page.content.decode()


def test_users_limited_to_a_tenant_see_only_name_kind_and_status(staging, admin, person, client_of) -> None:
    Connection.objects.update(egress_addresses="203.0.113.7/32")
    client_of(admin).post(f"{PAGE}pause/", {"reason": "audit"})
    lia = person("lia", "Support agent", is_limited=True)
    TenantScope.objects.create(user=lia, connection="staging", tenant_guid="TE-9")
    page, listed = (client_of(lia).get(path) for path in (PAGE, "/connections/"))
    assert page.status_code == listed.status_code == 200
    assert "Staging" in page.content.decode() and "Paused:" in page.content.decode()
    credential = staging.credentials.get()
    for beyond in (
        staging.tenant_guid, staging.base_url, "203.0.113.7", credential.api_key_fingerprint,
        credential.password_fingerprint, "Otto", "Ada Admin",
    ):  # fmt: skip
        assert beyond not in page.content.decode() + listed.content.decode(), beyond
    Credential.objects.update(suspect_since=timezone.now(), suspect_words="for TE-other")
    told = client_of(lia).get(PAGE).content.decode()
    assert "has rejected the portal’s API key since" in told and "TE-other" not in told


def test_a_connection_without_credential_says_so(db, agent, client_of) -> None:
    create_connection(slug="bare", name="Bare", base_url="https://bare.example.com/api")
    assert "No active credential" in client_of(agent).get("/connections/bare/").content.decode()
    assert "missing" in client_of(agent).get("/connections/").content.decode()
    assert "No API key is stored for Bare" in client_of(agent).get("/bare/merchants/").content.decode()


def test_an_empty_list_says_what_a_connection_is_and_leads_on(db, agent, admin, client_of) -> None:
    assert "/connections/new/" in client_of(admin).get("/connections/").content.decode()
    listed = client_of(agent).get("/connections/").content.decode()
    assert "No connection yet" in listed and "/connections/new/" not in listed


def test_an_unknown_connection_is_not_found(db, admin, client_of) -> None:
    assert client_of(admin).get("/connections/nowhere/").status_code == 404
    assert client_of(admin).post("/connections/nowhere/reset/", {}).status_code == 404


def test_an_admin_adds_a_connection_and_is_led_to_its_credential(db, admin, client_of) -> None:
    assert client_of(admin).get("/connections/new/").status_code == 200
    answer = client_of(admin).post("/connections/new/", NEW)
    assert answer["Location"] == "/connections/live/reset/"
    made = Connection.objects.get(slug="live")
    assert (made.base_url, made.colour) == ("https://gateway.example.com/api/provisioning", "red")
    assert made.egress_addresses == "203.0.113.7/32,198.51.100.0/24"
    event = Event.objects.get(action="connection.created")
    assert event.after_data["remind_after_days"] == 30
    page = client_of(admin).get("/connections/live/").content.decode()
    assert "<code>203.0.113.7/32,198.51.100.0/24</code>" in page
    assert "env-red" in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"base_url": "http://gateway.example.com"}, "would be sent unencrypted"),
        ({"base_url": "https://10.0.0.7/api"}, "not on the public internet"),
        ({"slug": "audit"}, "an address of the portal itself"),
        ({"kind": "sandbox", "colour": "red"}, "Red means production"),
        ({"egress_addresses": "portal.example.org"}, "not an IP address"),
        ({"egress_addresses": "203.0.113.7/24"}, "inside the range"),
        ({"tenant_guid": "TE 7"}, "letters, digits and hyphens"),
        ({"name": "Li\u200bve"}, "invisible"),
        ({"remind_after_days": "99999"}, "less than or equal"),
    ],
)
def test_what_cannot_be_meant_stays_in_the_form_with_a_reason(db, admin, client_of, wrong, said) -> None:
    answer = client_of(admin).post("/connections/new/", NEW | wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert 'value="30"' in answer.content.decode() or "remind_after_days" in wrong
    assert not Connection.objects.exists()


def test_a_change_is_on_record_with_before_and_after(staging, admin, client_of) -> None:
    assert 'value="Staging"' in client_of(admin).get(EDIT).content.decode()
    answer = client_of(admin).post(EDIT, changed(staging, name="Stage", remind_after_days=10))
    assert answer["Location"] == PAGE
    event = Event.objects.get(action="connection.updated")
    assert event.before_data == {"name": "Staging", "remind_after_days": 90}
    assert event.after_data == {"name": "Stage", "remind_after_days": 10}
    assert states(staging) == {1: "active"}
    client_of(admin).post(EDIT, changed(Connection.objects.get()))
    assert Event.objects.filter(action="connection.updated").count() == 1


def test_no_stored_key_follows_a_connection_to_another_address(staging, admin, client_of) -> None:
    answer = client_of(admin).post(EDIT, changed(staging, base_url="https://thief.example/api"), follow=True)
    assert "the stored credential was deleted" in answer.content.decode()
    assert states(staging) == {1: "revoked"}
    assert staging.credentials.get().sealed_password == ""
    assert actions() == [("credential.revoked", "success"), ("connection.updated", "success")]


def test_who_may_not_reset_credentials_does_not_move_a_connection(staging, admin, person, client_of) -> None:
    origin = get_system_origin("tests")
    create_role(by=admin, origin=origin, name="Keeper", rights=["connection.view", "connection.update"])
    keeper = person("kim", "Keeper")
    form = client_of(keeper).get(EDIT)
    assert "Only people who can reset stored credentials" in form.content.decode()
    client_of(keeper).post(EDIT, changed(staging, name="Stage", base_url="https://thief.example/api"))
    kept = Connection.objects.get()
    assert (kept.name, kept.base_url) == ("Stage", staging.base_url)
    with pytest.raises(PermissionDenied, match="reset stored credentials"):
        update_connection(
            user=keeper,
            origin=origin,
            connection=kept,
            values={"base_url": "https://thief.example/api"},
            seen=get_connection_digest(kept),
        )
    assert states(staging) == {1: "active"} and Connection.objects.get().base_url == staging.base_url


def test_a_refused_edit_keeps_what_was_typed(staging, admin, client_of) -> None:
    answer = client_of(admin).post(EDIT, changed(staging, name="Stage", base_url="nonsense"))
    assert answer.status_code == 422
    assert 'value="Stage"' in answer.content.decode()
    assert Connection.objects.get().name == "Staging"


def test_the_second_of_two_who_edit_is_shown_what_changed_meanwhile(staging, admin, client_of) -> None:
    client = client_of(admin)
    mine, theirs = changed(staging, name="Mine"), changed(staging, name="Theirs", remind_after_days=5)
    assert client.post(EDIT, theirs).status_code == 302
    answer = client.post(EDIT, mine)
    assert answer.status_code == 409
    text = answer.content.decode()
    assert "Someone changed this connection" in text and 'value="Mine"' in text
    assert "Currently stored: “Theirs”" in text and "Currently stored: “5”" in text
    assert Connection.objects.get().name == "Theirs"
    seen = text.partition('name="seen" value="')[2].partition('"')[0]
    assert client.post(EDIT, mine | {"seen": seen}).status_code == 302
    assert Connection.objects.get().name == "Mine"


def test_a_paused_connection_can_be_read_and_not_written(connection, admin, agent, client_of) -> None:
    assert client_of(admin).post("/connections/sandbox/pause/", {"reason": "audit"}).status_code == 302
    client_of(admin).post("/connections/sandbox/pause/", {"reason": "again"})
    browser = client_of(agent)
    listed = browser.get("/sandbox/merchants/")
    assert "Sandbox is paused" in listed.content.decode()
    address = f"/sandbox/merchants/new/?tenant={connection.tenant_guid}"
    browser.get("/sandbox/tenants/")
    fields = {"name": "Kept in the form", "homepage": "https://kept.example", "timezone": "UTC"}
    answer = browser.post(address, fields)
    assert answer.status_code == 503
    assert "is paused: it is read-only" in answer.content.decode()
    assert "Kept in the form" in answer.content.decode()
    assert actions() == [("connection.paused", "success"), ("access.denied", "denied")]
    client_of(admin).post("/connections/sandbox/resume/")
    assert browser.post(address, fields).status_code == 302


@pytest.mark.parametrize("name", ["agent", "manager"])
def test_only_an_admin_adds_and_changes_connections(name, staging, request, client_of) -> None:
    client = client_of(request.getfixturevalue(name))
    for path in ("/connections/new/", EDIT):
        assert client.get(path).status_code == 403
        assert client.post(path, NEW).status_code == 403
    for step in ("pause", "resume"):
        assert client.post(f"{PAGE}{step}/").status_code == 403
    assert Connection.objects.get().name == "Staging"


def test_changing_a_connection_asks_for_the_password_again(staging, admin, client_of) -> None:
    client = client_of(admin)
    session = client.session
    session["proved_at"] = 0
    session.save()
    for path in ("/connections/new/", EDIT, f"{PAGE}reset/", f"{PAGE}revoke-now/"):
        assert client.get(path)["Location"].startswith("/accounts/confirm/"), path
    for step in ("pause", "1/test", "1/activate", "1/rollback", "1/revoke"):
        assert client.post(f"{PAGE}{step}/")["Location"].startswith("/accounts/confirm/"), step


def test_an_edit_that_cannot_be_recorded_is_not_made(staging, admin, client_of) -> None:
    replace_credential(connection=staging, api_key="k", password="p", by="tests")
    with trail_broken():
        answer = client_of(admin).post(EDIT, changed(staging, base_url="https://other.example/api"))
    assert answer.status_code == 503
    assert Connection.objects.get().base_url == staging.base_url
    assert "active" in states(staging).values()
