"""What the gateway says of a credential: noted with its version, and a refusal in daily work told to all."""

import pytest
from django.core import mail
from django.utils import timezone

from portal.connections.notifications import MAIL
from portal.connections.optimistic_lock import get_connection_digest
from portal.tasks.models import State, TaskRun
from portal.tasks.runner import attempt
from provisioning import service
from provisioning.credentials.credential_health import mark_suspect
from provisioning.credentials.credential_lifecycle import replace_credential
from provisioning.credentials.models import Connection, Credential
from tests.factories import merchant_made
from tests.portal.connections.conftest import PAGE, actions, entered, states, trail_broken
from tests.provisioning.gateway.wire import says, wire


@pytest.fixture
def mailed(settings, admin):
    """Mail is set up, and the admin can be reached by it."""
    settings.MAIL_ON = True
    type(admin).objects.filter(pk=admin.pk).update(email="ada@example.org")


def worked() -> None:
    """A worker does what waits."""
    run = TaskRun.objects.get(kind=MAIL)
    attempt(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.DONE


def test_a_401_in_daily_work_notifies_each_responsible_user_once(
    staging, gateway, request, mailed, django_capture_on_commit_callbacks
) -> None:
    client_of, admin = request.getfixturevalue("client_of"), request.getfixturevalue("admin")
    browser = client_of(request.getfixturevalue("agent"))
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            listed = browser.post("/staging/tenants/", follow=True).content.decode()
    assert "has rejected the portal’s API key" in listed
    assert "You did nothing wrong" in listed and "Reset the credential" not in listed
    assert actions() == [("credential.suspected", "refused")]
    assert mail.outbox == []  # no page waits for a mail server
    worked()
    assert [message.to for message in mail.outbox] == [["ada@example.org"]]
    assert "Staging" in mail.outbox[0].body and "old-" not in mail.outbox[0].body
    assert "has rejected version 1" in client_of(admin).get(PAGE).content.decode()
    assert "Reset the credential" in client_of(admin).get("/staging/tenants/").content.decode()
    assert browser.get("/accounts/profile/").status_code == 200

    pair = {"api_key": gateway.api_key, "password": gateway.password, "seen": get_connection_digest(staging)}
    client_of(admin).post(f"{PAGE}reset/", pair)
    client_of(admin).post(f"{PAGE}2/activate/")
    recovered = browser.post("/staging/tenants/", follow=True).content.decode()
    assert "has rejected" not in recovered
    assert len(mail.outbox) == 1


def test_a_resolved_problem_sends_no_mail(connection, mailed) -> None:
    credential = Credential.objects.select_related("connection").get(state="active")
    assert mark_suspect(credential, "no")
    service.list_entities(connection="sandbox", kind="tenant")
    worked()
    assert mail.outbox == []


def test_a_success_clears_the_suspicion(connection, agent, client_of) -> None:
    Credential.objects.update(suspect_since=timezone.now())
    service.list_entities(connection="sandbox", kind="tenant")
    assert Credential.objects.get(state="active").suspect_since is None
    assert actions() == [("credential.recovered", "success")]


@pytest.mark.parametrize("body", ["", "<html>no</html>", '{"message":"Unauthorized"}'])
def test_a_401_of_an_unusual_form_raises_suspicion_and_says_so(staging, browser, gateway, body) -> None:
    with wire(says(body, status="401 Unauthorized")) as server:
        Connection.objects.update(base_url=server.url)
        browser.post("/staging/tenants/", follow=True)
        assert Credential.objects.get().suspect_since is not None
        assert "not of the gateway&#x27;s usual form" in browser.get(PAGE).content.decode()
        tested = entered(browser, gateway).content.decode()
    assert (
        "a proxy between the portal and the gateway" in tested and "does not look like the gateway" in tested
    )
    assert actions() == [
        ("credential.suspected", "refused"),
        ("credential.entered", "success"),
        ("credential.tested", "refused"),
    ]
    assert noted(2) == (False, True)


def test_an_unrecorded_refusal_is_reported_with_the_next_one(staging, agent, client_of) -> None:
    with trail_broken(), pytest.raises(service.NotAuthorised):
        service.list_entities(connection="staging", kind="tenant")
    assert Credential.objects.get().suspect_since is None
    with pytest.raises(service.NotAuthorised):
        service.list_entities(connection="staging", kind="tenant")
    assert actions() == [("credential.suspected", "refused")]


def test_a_page_that_needs_the_gateway_says_what_to_do_and_keeps_the_session(
    connection, agent, client_of
) -> None:
    browser = client_of(agent)
    merchant = f"/sandbox/merchants/{merchant_made(connection).guid}/"
    assert browser.get(merchant).status_code == 200
    replace_credential(connection=connection, api_key="nobody", password="nothing", by="tests")
    page = browser.get(merchant)
    assert page.status_code == 200 and "These values were read at" in page.content.decode()
    form = browser.get(f"{merchant}edit/")
    assert form.status_code == 503
    text = form.content.decode()
    assert "The gateway does not accept the stored API key or password." in text
    assert "You stay signed in" in text and "Nothing was changed" not in text
    assert text.count("has rejected the portal’s API key") == 1
    assert browser.get("/accounts/profile/").status_code == 200


def noted(version: int) -> tuple[bool, bool]:
    """Whether it is on record that the gateway accepted the version, and that it turned it down."""
    stored = Credential.objects.get(version=version)
    return stored.last_success_at is not None, stored.last_failure_at is not None


def test_a_test_counts_as_the_last_time_the_gateway_answered(staging, gateway, browser) -> None:
    entered(browser, gateway, password="wrong-password-0002")
    assert noted(2) == (False, True)
    entered(browser, gateway)
    assert noted(3) == (True, False)
    browser.post(f"{PAGE}3/activate/")
    assert noted(1) == (False, False)
    browser.post(f"{PAGE}1/rollback/")
    assert noted(1) == (False, True) and states(staging)[3] == "active"
    assert not Credential.objects.filter(suspect_since__isnull=False).exists()
    row = browser.get(PAGE).content.decode().partition('<span class="d-sm-none">Version </span>3</th>')[2]
    assert "never" not in row.partition('data-label="Last accepted">')[2].partition("</td>")[0]


def test_a_test_that_says_nothing_about_the_credential_counts_as_neither(staging, gateway, browser) -> None:
    Connection.objects.update(base_url=gateway.root_url)
    assert "not an IXOPAY Provisioning API" in entered(browser, gateway).content.decode()
    assert noted(2) == (False, False)


def test_a_key_that_does_not_see_the_tenant_was_accepted(staging, gateway, browser) -> None:
    key = gateway.key_created("--tenant", "TE-9000-0000-0000-0000-0000-0009")
    entered(browser, gateway, api_key=key["apiKey"], password=key["password"])
    assert noted(2) == (True, False)
