"""Versions whose time is over: they go nowhere any more, and are destroyed whether someone looks or not.

And the age of the one in use.
"""

from datetime import timedelta

from django.contrib.messages import get_messages
from django.core.management import call_command
from django.utils import timezone

from portal.audit.models import Event
from portal.connections import credential_actions
from portal.tasks import periodic
from provisioning.credentials.models import Credential
from tests.portal.connections.conftest import PAGE, actions, entered, nobody_called, opened, states
from tests.registries import registry_of


def test_a_replaced_version_is_destroyed_when_its_time_is_over(staging, gateway, browser, settings) -> None:
    entered(browser, gateway)
    browser.post(f"{PAGE}2/activate/")
    call_command("credentials_expire")
    assert states(staging) == {2: "active", 1: "previous"}
    settings.CREDENTIAL_ROLLBACK_HOURS = 0
    browser.get(PAGE)
    assert states(staging) == {2: "active", 1: "revoked"}
    assert Event.objects.get(action="credential.revoked").actor_role == "system"


def test_no_version_goes_to_the_gateway_after_its_time_or_its_end(
    staging, gateway, browser, settings
) -> None:
    entered(browser, gateway)
    browser.post(f"{PAGE}2/activate/")
    second = gateway.key_created()
    entered(browser, gateway, api_key=second["apiKey"], password=second["password"])
    settings.CREDENTIAL_ROLLBACK_HOURS = 0
    with nobody_called():
        for step in ("1/rollback", "3/test"):
            told = browser.post(f"{PAGE}{step}/").wsgi_request
            assert "expired after 0 hours" in str(list(get_messages(told))), step
        credential_actions.destroy_expired_credentials()
        for step in ("1/rollback", "3/test"):
            told = browser.post(f"{PAGE}{step}/").wsgi_request
            assert "is now “revoked”" in str(list(get_messages(told))), step
    assert [name for name, _ in actions()].count("credential.tested") == 2


def test_a_tested_version_over_its_time_is_not_put_to_use(staging, gateway, browser) -> None:
    entered(browser, gateway)
    Credential.objects.filter(version=2).update(created_at=timezone.now() - timedelta(hours=200))
    with nobody_called():
        told = browser.post(f"{PAGE}2/activate/").wsgi_request
    assert "expired after 72 hours" in str(list(get_messages(told)))
    assert opened(staging) == ("old-key-0001", "old-password-0001")
    assert "credential.activated" not in dict(actions())


def test_a_worker_destroys_expired_credential_versions(
    staging, gateway, browser, settings, monkeypatch
) -> None:
    entered(browser, gateway)
    browser.post(f"{PAGE}2/activate/")
    settings.CREDENTIAL_ROLLBACK_HOURS = 0
    housekeeping = periodic.HOUSEKEEPING.get("expired credentials")
    housekeeping.due_at = 0.0
    monkeypatch.setattr(periodic, "HOUSEKEEPING", registry_of({"expired credentials": housekeeping}))
    periodic.run_housekeeping()
    assert states(staging) == {2: "active", 1: "revoked"}


def test_going_back_makes_an_old_password_no_younger(staging, gateway, browser, settings) -> None:
    settings.CREDENTIAL_ROLLBACK_HOURS = 1000 * 24
    key = gateway.key_created()
    entered(browser, gateway, api_key=key["apiKey"], password=key["password"])
    browser.post(f"{PAGE}2/activate/")
    used = timezone.now() - timedelta(days=400)
    Credential.objects.filter(version=2).update(activated_at=used)
    entered(browser, gateway)
    browser.post(f"{PAGE}3/activate/")
    assert "was due to be replaced by" not in browser.get(PAGE).content.decode()
    browser.post(f"{PAGE}2/rollback/")
    active = Credential.objects.get(state="active")
    assert (active.version, active.in_use_since, active.is_due) == (2, used, True)
    assert "was due to be replaced by" in browser.get(PAGE).content.decode()
    browser.post(f"{PAGE}3/rollback/")
    assert not Credential.objects.get(state="active").is_due
