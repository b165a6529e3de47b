"""The reset of a credential against the embedded gateway: tested before it is used, every step on record."""

import socket
import threading

import pytest
from django.db import connections
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import Origin
from portal.connections import credential_actions
from portal.connections.credential_diagnosis import FINDINGS, diagnose
from portal.connections.optimistic_lock import get_connection_digest
from provisioning import service
from provisioning.credentials.credential_lifecycle import InvalidCredentialState
from provisioning.credentials.models import Connection, Credential
from provisioning.gateway.errors import UNUSUAL, NotAuthorised, NotSent, OutcomeUnknown, Refused
from tests.portal.connections.conftest import (
    PAGE,
    RESET,
    actions,
    entered,
    nobody_called,
    opened,
    states,
    trail_broken,
)


def test_a_pair_is_entered_tested_and_put_to_use_step_by_step(staging, gateway, browser) -> None:
    assert browser.get(RESET).status_code == 200
    answer = entered(browser, gateway)
    assert answer.redirect_chain == [(RESET, 302)]
    assert "Activate version 2" in answer.content.decode()
    assert opened(staging) == ("old-key-0001", "old-password-0001")
    answer = browser.post(f"{PAGE}2/activate/", follow=True)
    assert "Version 2 is now active" in answer.content.decode()
    assert opened(staging) == (gateway.api_key, gateway.password)
    assert states(staging) == {2: "active", 1: "previous"}
    assert "Roll back to version 1" in answer.content.decode()
    assert actions() == [
        ("credential.entered", "success"),
        ("credential.tested", "accepted"),
        ("credential.activated", "success"),
    ]
    assert gateway.password not in answer.content.decode() + str(list(Event.objects.values()))


def test_a_reset_can_be_left_and_come_back_to_by_another_admin(
    staging, gateway, browser, person, client_of
) -> None:
    entered(browser, gateway)
    other = client_of(person("bea", "Admin"))
    assert "Ada Admin entered version 2" in other.get(RESET).content.decode()
    assert other.post(f"{PAGE}2/activate/", follow=True).status_code == 200
    active = Credential.objects.get(state="active")
    assert (active.created_by, active.activated_by) == ("Ada Admin", "bea")


def test_a_wrong_password_is_named_and_not_echoed_and_changes_nothing(staging, gateway, browser) -> None:
    answer = entered(browser, gateway, password="wrong-password-0002")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "does not accept this API key and password" in text and "“Unauthorized”" in text
    assert "Version 1 stays active" in text
    assert "wrong-password-0002" not in text and gateway.api_key not in text
    assert opened(staging) == ("old-key-0001", "old-password-0001")
    assert actions() == [("credential.entered", "success"), ("credential.tested", "refused")]
    assert "does not accept this API key and password" in browser.get(RESET).content.decode()
    stopped = browser.post(f"{PAGE}2/activate/", follow=True).content.decode()
    assert "Nothing was done" in stopped and "not tested" in stopped


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--addresses", "192.0.2.1"), "does not let this key be used from the portal’s address"),
        (("--service", "BI Data Source"), "for a different service"),
        (("--tenant", "TE-9000-0000-0000-0000-0000-0009"), "has no access to this connection’s tenant"),
    ],
)
def test_a_key_without_access_has_its_own_message(staging, gateway, browser, options, said) -> None:
    key = gateway.key_created(*options)
    answer = entered(browser, gateway, api_key=key["apiKey"], password=key["password"])
    assert answer.status_code == 422
    assert said.replace("’", "&#x27;") in answer.content.decode()


def test_an_unreachable_gateway_has_its_own_message_and_keeps_the_pair(staging, gateway, browser) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        Connection.objects.update(base_url=f"http://127.0.0.1:{held.getsockname()[1]}/api")
        assert "refused the connection" in entered(browser, gateway).content.decode()
    assert actions()[-1] == ("credential.tested", "not_sent")
    Connection.objects.update(base_url=gateway.base_url)
    assert "Activate version 2" in browser.post(f"{PAGE}2/test/", follow=True).content.decode()


def test_an_address_without_a_provisioning_api_has_its_own_message(staging, gateway, browser) -> None:
    Connection.objects.update(base_url=gateway.root_url)
    assert "not an IXOPAY Provisioning API" in entered(browser, gateway).content.decode()
    Connection.objects.update(base_url=gateway.base_url.replace("http://", "https://"))
    assert "could not open an encrypted connection" in browser.post(f"{PAGE}2/test/").content.decode()


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (NotAuthorised("no", code=1000, http_status=401, gateway_message="Unauthorized"), "credential"),
        (NotAuthorised("no", UNUSUAL, http_status=401), "unusual"),
        (Refused("no", http_status=403), "address"),
        (OutcomeUnknown("no", "HTTP 403: the answer is not valid JSON", http_status=403), "address"),
        (Refused("no", code=1001, http_status=404), "elsewhere"),
        (OutcomeUnknown("no", "HTTP 200: not JSON", http_status=200), "elsewhere"),
        (OutcomeUnknown("no", "a redirect", http_status=302), "elsewhere"),
        (OutcomeUnknown("no", "no complete answer within the deadline"), "timeout"),
        (OutcomeUnknown("no", "HTTP 502", http_status=502), "disturbed"),
        (OutcomeUnknown("no", "ConnectionResetError"), "disturbed"),
        (NotSent("no", "name"), "name"),
        (NotSent("no", "unreachable"), "unreachable"),
        (NotSent("no", "connect_slow"), "connect_slow"),
        (NotSent("no", "certificate"), "certificate"),
        (NotSent("no", "private"), "private"),
        (NotSent("no", "OperationalError"), "not_sent"),
        (Refused("no", code=1005, http_status=422), "other"),
    ],
)
def test_every_failure_of_a_test_has_a_cause_of_its_own(error, name) -> None:
    assert diagnose(error).name == name
    assert FINDINGS[name][0].endswith(".")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"password": "pasted\n"}, "password begins or ends with a space or a line break"),
        ({"password": " pasted"}, "password begins or ends with a space"),
        ({"api_key": "ke:y"}, "contains a colon"),
        ({"password": ""}, "required"),
    ],
)
def test_a_bad_copy_is_caught_and_said_before_anything_is_stored(
    staging, gateway, browser, typed, said
) -> None:
    answer = entered(browser, gateway, **typed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "pasted" not in answer.content.decode()
    assert actions() == [] and states(staging) == {1: "active"}


def test_a_pair_goes_to_the_address_that_was_on_the_page_or_nowhere(staging, gateway, browser) -> None:
    page = browser.get(RESET).content.decode()
    seen = page.partition('name="seen" value="')[2].partition('"')[0]
    with nobody_called():
        for digest in (seen, ""):
            answer = entered(browser, gateway, seen=digest)
            assert answer.status_code == 409
            assert "nothing was stored or sent" in answer.content.decode()
            assert gateway.password not in answer.content.decode()
    assert states(staging) == {1: "active"} and actions() == []
    Connection.objects.update(base_url=gateway.base_url)
    assert "Activate version 2" in entered(browser, gateway, seen=seen).content.decode()


def test_going_back_is_proven_at_the_gateway_first(staging, gateway, browser) -> None:
    entered(browser, gateway)
    browser.post(f"{PAGE}2/activate/")
    answer = browser.post(f"{PAGE}1/rollback/", follow=True).content.decode()
    assert "Version 1 was not activated" in answer and "does not accept" in answer
    assert states(staging) == {2: "active", 1: "previous"}

    second = gateway.key_created()
    entered(browser, gateway, api_key=second["apiKey"], password=second["password"])
    browser.post(f"{PAGE}3/activate/")
    assert states(staging) == {3: "active", 2: "previous", 1: "revoked"}
    assert "Version 2 is active again" in browser.post(f"{PAGE}2/rollback/", follow=True).content.decode()
    assert opened(staging) == (gateway.api_key, gateway.password)
    assert actions()[-1] == ("credential.rolled_back", "success")


def test_revoking_the_previous_version_destroys_its_value(staging, gateway, browser) -> None:
    entered(browser, gateway)
    browser.post(f"{PAGE}2/activate/")
    assert "Its value was deleted" in browser.post(f"{PAGE}1/revoke/", follow=True).content.decode()
    row = Credential.objects.get(version=1)
    assert (row.state, row.sealed_api_key, row.sealed_password, row.revoked_by) == (
        "revoked",
        "",
        "",
        "Ada Admin",
    )
    assert "Roll back" not in browser.get(PAGE).content.decode()
    assert actions()[-1] == ("credential.revoked", "success")


def test_revoke_now_wants_the_words_then_pauses_and_destroys_everything(staging, gateway, browser) -> None:
    entered(browser, gateway)
    shut = f"{PAGE}revoke-now/"
    assert "may have leaked" in browser.get(shut).content.decode()
    refused = browser.post(shut, {"confirmation": "Stagin", "reason": "leaked"})
    assert refused.status_code == 422 and states(staging)[1] == "active"
    answer = browser.post(shut, {"confirmation": "Staging", "reason": "leaked in a chat"}, follow=True)
    assert "is paused and its credential is deleted" in answer.content.decode()
    assert states(staging) == {1: "revoked", 2: "revoked"}
    assert set(Credential.objects.values_list("sealed_api_key", "sealed_password")) == {("", "")}
    assert Connection.objects.get().is_paused
    assert Event.objects.get(action="connection.paused").reason == "leaked in a chat"
    with pytest.raises(service.NotSent, match="No API key"):
        service.list_entities(connection="staging", kind="tenant")


@pytest.mark.parametrize("name", ["agent", "manager", "outsider"])
def test_only_an_admin_touches_a_credential(name, staging, gateway, request, client_of) -> None:
    client = client_of(request.getfixturevalue(name))
    assert client.get(RESET).status_code == 403
    assert entered(client, gateway).status_code == 403
    for step in ("test", "activate", "rollback", "revoke"):
        assert client.post(f"{PAGE}1/{step}/").status_code == 403
    assert client.post(f"{PAGE}revoke-now/", {"confirmation": "Staging", "reason": "x"}).status_code == 403
    assert opened(staging) == ("old-key-0001", "old-password-0001")


def test_without_a_usable_key_the_old_credential_stays(staging, gateway, browser, settings) -> None:
    settings.PORTAL_ENCRYPTION_KEYS = "broken"
    answer = entered(browser, gateway)
    assert answer.status_code == 503
    assert "The active credential was not changed" in answer.content.decode()
    assert states(staging) == {1: "active"}


def test_no_step_happens_without_a_record(staging, gateway, browser) -> None:
    with trail_broken():
        assert entered(browser, gateway).status_code == 503
    assert states(staging) == {1: "active"}
    entered(browser, gateway)
    with trail_broken():
        browser.post(f"{PAGE}2/activate/")
        browser.post(f"{PAGE}2/revoke/")
        browser.post(f"{PAGE}revoke-now/", {"confirmation": "Staging", "reason": "x"})
    assert states(staging) == {1: "active", 2: "tested"}


def revocations() -> list[str]:
    """What is on record of destroyed values, oldest first."""
    events = Event.objects.filter(action="credential.revoked").order_by("sequence")
    return list(events.values_list("message", flat=True))


def test_what_a_new_version_pushes_out_is_on_record_with_the_reason(staging, gateway, browser) -> None:
    entered(browser, gateway, password="wrong-password-0002")
    entered(browser, gateway)
    assert states(staging) == {1: "active", 2: "revoked", 3: "tested"}
    assert revocations() == ["version 2, as another one was entered"]
    browser.post(f"{PAGE}3/activate/")
    assert len(revocations()) == 1
    entered(browser, gateway)
    browser.post(f"{PAGE}4/activate/")
    assert states(staging) == {1: "revoked", 2: "revoked", 3: "previous", 4: "active"}
    assert revocations()[1:] == ["version 1, as only the last replaced version is kept"]
    pushed = Event.objects.filter(action="credential.revoked").latest("sequence")
    assert pushed.actor_name == "Ada Admin"
    assert Credential.objects.get(version=1).password_fingerprint in str(pushed.after)


def test_two_admins_at_once_end_with_exactly_one_active_version(committed_db, gateway, person) -> None:
    from provisioning.credentials.services import create_connection

    made = create_connection(slug="staging", name="Staging", base_url=gateway.base_url)
    people = [person(name, "Admin") for name in ("ada", "bea")]
    done: list[int] = []

    def reset(user):
        origin = Origin(user.pk, user.username, "Admin", "", "", "")
        for _ in range(3):
            try:
                taken = credential_actions.store_credential(
                    user=user,
                    origin=origin,
                    connection=made,
                    seen=get_connection_digest(made),
                    api_key=gateway.api_key,
                    password=gateway.password,
                )
                if credential_actions.test_credential(user=user, origin=origin, credential=taken) is None:
                    done.append(
                        credential_actions.activate_credential(
                            user=user, origin=origin, credential=taken
                        ).version
                    )
            except InvalidCredentialState:
                continue
        connections.close_all()

    threads = [threading.Thread(target=reset, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done and Credential.objects.filter(state="active").count() == 1
    assert Credential.objects.get(state="active").version == max(done)
    assert not Credential.objects.filter(state__in=Credential.ON_ITS_WAY).exists()
    assert Event.objects.filter(action="credential.activated").count() == len(done)
    assert len(revocations()) == Credential.objects.filter(state="revoked").count()


def test_a_version_is_revoked_after_a_page_that_says_what_that_means(staging, gateway, browser) -> None:
    entered(browser, gateway)
    browser.post(f"{PAGE}2/activate/")
    page = browser.get(PAGE).content.decode()
    assert f'href="{PAGE}1/revoke/"' in page and f'action="{PAGE}1/revoke/"' not in page
    asked = browser.get(f"{PAGE}1/revoke/").content.decode()
    assert "cannot be undone" in asked and "keeps working at the gateway" in asked
    assert "No successful call with version 2 has been recorded since it was activated" in asked
    assert states(staging) == {2: "active", 1: "previous"}
    Credential.objects.filter(version=2).update(last_success_at=timezone.now())
    assert "has been used successfully" in browser.get(f"{PAGE}1/revoke/").content.decode()
    done = browser.post(f"{PAGE}1/revoke/", follow=True).content.decode()
    assert "was revoked. Its value was deleted" in done and "Also delete its API key at the gateway" in done
    assert states(staging) == {2: "active", 1: "revoked"}


def test_discarding_a_version_asks_first_and_the_active_one_stays(staging, gateway, browser) -> None:
    entered(browser, gateway)
    assert "Discard version 2?" in browser.get(f"{PAGE}2/revoke/").content.decode()
    assert states(staging) == {2: "tested", 1: "active"}
    told = browser.get(f"{PAGE}1/revoke/", follow=True).content.decode()
    assert "Nothing was done. Version 1 is “active”." in told
