"""Health: alive as long as it answers, ready when everything it needs is there."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from portal.console import health


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

    checks = {"database": away}
    monkeypatch.setattr(health, "CHECKS", checks)
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed (ConnectionError)"
