"""The home page says how each gateway and its credential fares."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.directory.models import ListSync
from provisioning.credentials.models import Connection, Credential


@pytest.fixture
def stored(db) -> Credential:
    """A connection with a credential that nobody has used."""
    made = Connection.objects.create(slug="sandbox", name="Sandbox", colour="green")
    return Credential.objects.create(connection=made, version=1, created_by="Ada")


def home(user, client_of) -> str:
    return client_of(user).get("/").content.decode()


def test_without_a_connection_home_says_so(agent, client_of) -> None:
    assert "No gateway is connected yet" in home(agent, client_of)


def test_a_fresh_credential_and_a_working_one(agent, client_of, stored) -> None:
    assert "Not used yet" in home(agent, client_of)
    Credential.objects.update(last_success_at=timezone.now())
    assert "Last response" in home(agent, client_of)


def test_a_refused_credential_offers_the_reset_to_those_who_may(agent, admin, client_of, stored) -> None:
    Credential.objects.update(suspect_since=timezone.now(), suspect_words="Unauthorized <by> me")
    assert "Credential rejected" in home(agent, client_of)
    assert "/connections/sandbox/reset/" not in home(agent, client_of)
    told = home(admin, client_of)
    assert "has rejected the stored API key" in told and "Unauthorized &lt;by&gt; me" in told
    assert "/connections/sandbox/reset/" in told


def test_an_old_credential_is_shown_to_those_who_can_replace_it(agent, admin, client_of, stored) -> None:
    assert "should be replaced every" not in home(admin, client_of)
    Credential.objects.update(activated_at=timezone.now() - timedelta(days=91))
    assert "should be replaced every" in home(admin, client_of)
    assert "should be replaced every" not in home(agent, client_of)
    Connection.objects.update(remind_after_days=0)
    assert "should be replaced every" not in home(admin, client_of)


def test_a_reset_that_was_begun_is_remembered(agent, admin, client_of, stored) -> None:
    Credential.objects.create(connection=stored.connection, version=2, state="new", created_by="Bea")
    assert "Bea entered a new credential" in home(admin, client_of)
    assert "Bea" not in home(agent, client_of)


def test_a_missing_credential_and_a_pause_are_shown(agent, client_of, stored) -> None:
    Credential.objects.update(state="revoked")
    assert "No credential" in home(agent, client_of)
    Connection.objects.update(is_paused=True)
    assert "Paused" in home(agent, client_of)


def test_a_gateway_that_cannot_be_read_is_away_until_it_is_read_again(agent, client_of, stored) -> None:
    now = timezone.now()
    where = {"connection": "sandbox", "kind": "merchant"}
    ListSync.objects.create(parent_guid="TE-1", failed_at=now, away_since=now - timedelta(minutes=9), **where)
    assert "Not readable since" in home(agent, client_of)
    ListSync.objects.create(parent_guid="TE-2", refreshed_at=now + timedelta(seconds=1), **where)
    assert "Not readable since" not in home(agent, client_of)
