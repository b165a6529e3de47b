"""The process itself: starting, stopping, keeping data, many callers, size, and where it must not run."""

import contextlib
import json
import signal
import sqlite3
import threading
from pathlib import Path

import pytest
import requests

from provisioning.contract import validator
from tests.gateway import command, command_json, gateway_started, server_started
from tests.provisioning.sandbox.conftest import TENANT_A, Caller

_MERCHANT = {"name": "Lasting Shop", "homepage": "https://shop.example.org", "timezone": "UTC"}


def test_data_and_keys_survive_a_restart(tmp_path: Path) -> None:
    gateway = gateway_started(tmp_path)
    made = Caller(gateway)("createMerchant", TENANT_A, body=_MERCHANT).json()["merchant"]
    assert gateway.stop() == 0
    gateway.process, gateway.base_url = server_started(tmp_path)
    try:
        assert made in Caller(gateway)("listMerchants", TENANT_A).json()["merchants"]
    finally:
        gateway.stop()


def test_ctrl_c_ends_it_cleanly_and_leaves_nothing_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    process, base_url = server_started(tmp_path)
    assert requests.get(f"{base_url}/listTenants", timeout=30).status_code == 401
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert list(home.iterdir()) == []


def test_seeding_twice_keeps_what_is_there(gateway, call) -> None:
    call("updateTenant", TENANT_A, body={"mailSenderName": "Changed by hand"})
    first = command_json(gateway.data_dir, "sandbox_seed")
    assert first == command_json(gateway.data_dir, "sandbox_seed")
    tenants = call("listTenants").json()["tenants"]
    assert tenants[0]["mailSenderName"] == "Changed by hand"
    assert first["ownTenant"] == gateway.own_tenant


def test_ten_thousand_merchants_in_one_tenant_are_listed(tmp_path: Path) -> None:
    options = ("--tenants", "3", "--merchants", "10000", "--single-tenant")
    gateway = gateway_started(tmp_path, *options)
    try:
        tenant = command_json(tmp_path, "sandbox_seed", *options)["generatedTenants"][0]
        content = Caller(gateway)("listMerchants", tenant).content
        assert content.count(b'"guid":"ME-') == 10_000
        merchants = json.loads(content)["merchants"]
        assert not [one for one in merchants[::500] if list(validator("Merchant").iter_errors(one))]
    finally:
        gateway.stop()


def test_merchants_are_dealt_out_over_the_tenants(gateway, call) -> None:
    options = ("--tenants", "2", "--merchants", "30")
    tenants = command_json(gateway.data_dir, "sandbox_seed", *options)["generatedTenants"]
    assert [len(call("listMerchants", tenant).json()["merchants"]) for tenant in tenants] == [15, 15]


def test_many_writers_at_once_lose_nothing(gateway, call) -> None:
    guid = call("createMerchantUser", "ME-4321-4321-4321-4321-4321-4321", body=_person("many.writers")).json()
    guid = guid["merchantUser"]["guid"]
    statuses: list[int] = []
    permissions = [
        f"frontend.schedule.{verb}" for verb in ("cancel", "continue", "pause", "retry", "show", "start")
    ]

    def add(permission: str) -> None:
        body = {"addPermissions": [permission]}
        statuses.append(Caller(gateway)("updateMerchantUser", guid, body=body).status_code)

    _at_once([lambda name=name: add(name) for name in permissions])
    assert statuses == [200] * 6
    users = call("listMerchantUsers", "ME-4321-4321-4321-4321-4321-4321").json()["merchantUser"]
    assert set(next(user for user in users if user["guid"] == guid)["permissions"]) == set(permissions)


def test_of_many_creates_with_one_username_a_single_one_succeeds(gateway) -> None:
    statuses: list[int] = []

    def create() -> None:
        response = Caller(gateway)(
            "createMerchantUser", "ME-4321-4321-4321-4321-4321-4321", body=_person("only.one")
        )
        statuses.append(response.status_code)

    _at_once([create] * 8)
    assert sorted(statuses) == [200] + [422] * 7


def test_other_machines_are_served_only_when_that_is_said(tmp_path: Path) -> None:
    refused = command(tmp_path, "sandbox_serve", "--host", "0.0.0.0")  # noqa: S104 - that is the question
    assert refused.returncode != 0
    assert "--allow-remote" in refused.stderr
    assert "not an IP address" in command(tmp_path, "sandbox_serve", "--host", "gateway.example").stderr


def test_with_allow_remote_any_host_name_reaches_the_api(tmp_path: Path) -> None:
    process, base_url = server_started(tmp_path, "--allow-remote", "--allow-remote-pages")
    try:
        named = requests.get(f"{base_url}/listTenants", headers={"Host": "gateway.lan"}, timeout=30)
        assert named.status_code == 401
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.parametrize("arguments", [("sandbox_serve",), ("sandbox_seed",), ("sandbox_key", "list")])
def test_nothing_of_it_runs_in_production(tmp_path: Path, arguments) -> None:
    done = command(tmp_path, *arguments, PORTAL_ENV="production")
    assert done.returncode != 0
    assert "does not run where PORTAL_ENV is production" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _person(username: str) -> dict[str, str]:
    return {"type": "web", "username": username, "email": "a@example.org", "password": "Example-Passw0rd!"}


def _at_once(actions: list) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_internal_error_is_9999_and_gives_nothing_away(tmp_path: Path) -> None:
    gateway = gateway_started(tmp_path)
    try:
        with contextlib.closing(sqlite3.connect(tmp_path / "sandbox.sqlite3")) as database:
            database.execute("ALTER TABLE sandbox_record RENAME TO elsewhere")
        response = Caller(gateway)("listTenants")
        assert response.status_code == 500
        envelope = {"success": False, "errorCode": 9999, "errorMessage": "Internal server error"}
        assert response.json() == envelope
    finally:
        gateway.stop()
