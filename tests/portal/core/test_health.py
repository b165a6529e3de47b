"""Health: alive as long as it answers, ready when everything it needs is there."""

from ipaddress import ip_network

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from portal.core import health
from tests.registries import registry_of


@pytest.fixture(autouse=True)
def nothing_seen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", set())


def test_live_needs_nothing(client: Client) -> None:
    assert client.get("/healthz/live").json() == {"status": "alive"}


@pytest.mark.django_db
def test_ready_names_each_check(client: Client) -> None:
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200
    assert set(answer.json()["checks"].values()) == {"ok"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/healthz/ready").status_code == 200


@pytest.mark.django_db
def test_a_waiting_migration_is_not_ready(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert "migrate" in answer.json()["checks"]["migrations"]


@pytest.mark.django_db
@pytest.mark.parametrize("keys", ["nonsense", "one:c2hvcnQ=", ":", "one:***"])
def test_bad_audit_keys_are_not_ready_and_not_shown(client: Client, settings, keys: str) -> None:
    settings.PORTAL_AUDIT_KEYS = keys
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["audit keys"] != "ok"
    assert keys == ":" or keys not in answer.content.decode()


def test_a_database_that_is_away_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError("host=db password=CANARY")

    monkeypatch.setattr(health, "CHECKS", registry_of({"database": away}))
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed (ConnectionError)"


THROUGH_A_PROXY = {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}
STRANGERS = {
    "from elsewhere": {"REMOTE_ADDR": "203.0.113.9"},
    "from elsewhere, saying to be here": {"REMOTE_ADDR": "203.0.113.9", **THROUGH_A_PROXY},
    "through a proxy here that nobody named": THROUGH_A_PROXY,
    "through one that names nobody": {"HTTP_VIA": "1.1 proxy"},
    "through another that names nobody": {"HTTP_X_FORWARDED_PROTO": "https"},
    "through one that says it its own way": {"HTTP_X_REAL_IP": "127.0.0.1"},
    "through the named one": {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.5, 203.0.113.9"},
    "through the named one, from its machine": {"REMOTE_ADDR": "10.0.0.1", **THROUGH_A_PROXY},
    "the named one itself": {"REMOTE_ADDR": "10.0.0.1"},
    "from no address": {"REMOTE_ADDR": "nowhere"},
    "through a socket": {"REMOTE_ADDR": ""},
}
NEAR = {
    "this machine": {},
    "this machine, the newer way": {"REMOTE_ADDR": "::1"},
    "this machine, both ways": {"REMOTE_ADDR": "::ffff:127.0.0.1"},
    "a named network": {"REMOTE_ADDR": "192.0.2.5"},
    "a named network through the named proxy": {
        "REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 192.0.2.5",
    },
}  # fmt: skip


@pytest.fixture
def surroundings(settings):
    """A proxy, and a network from which someone watches."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/24")]
    settings.HEALTH_NETWORKS = [ip_network("192.0.2.0/24")]


@pytest.mark.django_db
@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("stranger", STRANGERS)
def test_callers_from_elsewhere_see_only_whether_it_is_ready(client: Client, settings, stranger: str) -> None:
    answer = client.get("/healthz/ready", **STRANGERS[stranger])
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    settings.PORTAL_AUDIT_KEYS = "nonsense"
    answer = client.get("/healthz/ready", **STRANGERS[stranger])
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})


@pytest.mark.django_db
@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("caller", NEAR)
def test_nearby_callers_see_warnings(client: Client, caller: str) -> None:
    answer = client.get("/healthz/ready", **NEAR[caller])
    assert answer.status_code == 200
    assert "no worker is running" in answer.json()["warnings"]["background work"]


@pytest.mark.django_db
def test_readers_of_the_trail_see_details_from_anywhere(client_of, agent, manager, settings) -> None:
    def told(person):
        return "warnings" in client_of(person).get("/healthz/ready", REMOTE_ADDR="203.0.113.9").json()

    assert told(manager) and not told(agent)
    settings.MFA_ROLES = ["*"]
    assert not told(manager), "a password alone opens no page"
    manager.is_active = False
    manager.save()
    assert not told(manager)


def test_a_database_that_is_away_tells_a_stranger_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseError("host=db password=CANARY")

    monkeypatch.setattr(health, "CHECKS", registry_of({"database": away}))
    monkeypatch.setattr(health, "DETAIL_READERS", [away])
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
@pytest.mark.parametrize("method", ["TRACE", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "CONNECT"])
def test_health_is_only_read(db, path, method):
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    assert answer.status_code == 405 and answer["Allow"] == "GET, HEAD"
    assert Client().head(path).status_code == 200
