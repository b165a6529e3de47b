"""Finding what no list has shown yet, and the command for cron, over real HTTP."""

import pytest
import requests
from django.core.management import CommandError, call_command

from portal.directory import queries
from portal.directory.services import UnknownEntity, find_entity, refresh_list_if_stale
from portal.staff.models import User
from provisioning import service
from tests.portal.directory.conftest import away, made


@pytest.fixture
def patient(monkeypatch):
    """The gateway is shared: there may be many lists to look through, on a machine that does other things."""
    monkeypatch.setattr(queries, "LOOK_BUDGET", 60.0)


@pytest.mark.usefixtures("patient")
def test_an_unlisted_merchant_is_looked_for_at_the_gateway(connection):
    shop = made(connection.tenant_guid, "Looked for")
    found = find_entity(user=User(), connection="sandbox", kind="merchant", guid=shop.guid)
    assert found.name == "Looked for"
    assert found.parent_guid == connection.tenant_guid


@pytest.mark.usefixtures("patient")
def test_an_unlisted_user_is_looked_for_too(connection):
    shop = made(connection.tenant_guid, "With a user")
    body = {"type": "web", "username": "zoe.finder", "email": "zoe@shop.example", "sendInitialPassword": True}
    user = service.perform(
        "merchant_user.create", connection="sandbox", target=shop.guid, parent=shop.guid, payload=body
    ).entity
    found = find_entity(user=User(), connection="sandbox", kind="merchant_user", guid=user.guid)
    assert (found.name, found.parent_guid) == ("zoe.finder", shop.guid)


@pytest.mark.parametrize("kind", ["tenant", "merchant", "connector"])
def test_an_unlisted_entry_is_missing(connection, kind):
    with pytest.raises(UnknownEntity) as raised:
        find_entity(user=User(), connection="sandbox", kind=kind, guid="XX-NOBODY")
    assert not raised.value.gateway_away
    assert "does not list it" in str(raised.value)


def test_missing_says_when_the_gateway_could_not_be_asked(connection):
    away(connection)
    with pytest.raises(UnknownEntity) as raised:
        find_entity(user=User(), connection="sandbox", kind="merchant", guid="ME-NOBODY")
    assert raised.value.gateway_away


def test_looking_stops_when_its_time_is_over(connection, monkeypatch, calls):
    monkeypatch.setattr(queries, "LOOK_BUDGET", -1.0)
    with pytest.raises(UnknownEntity):
        find_entity(user=User(), connection="sandbox", kind="connector", guid="CO-NOBODY")
    assert calls == ["tenant"]


def test_the_command_refreshes_everything_known(connection, capsys):
    shop = made(connection.tenant_guid, "For cron")
    refresh_list_if_stale(connection="sandbox", kind="connector", parent=shop.guid)
    call_command("directory_refresh", "--connection", "sandbox")
    printed = capsys.readouterr().out
    assert "sandbox  tenant  -  read" in printed
    assert f"sandbox  merchant  {connection.tenant_guid}  read" in printed
    assert f"sandbox  connector  {shop.guid}  read" in printed


def test_the_command_fails_when_a_list_could_not_be_read(connection):
    away(connection)
    with pytest.raises(CommandError, match="could not be read"):
        call_command("directory_refresh")
    with pytest.raises(CommandError, match="no connection “other”"):
        call_command("directory_refresh", connection="other")


def test_the_gateway_is_asked_over_http(gateway):
    """The gateway of these tests is a process of its own."""
    assert requests.get(gateway.root_url, timeout=30).status_code < 500
