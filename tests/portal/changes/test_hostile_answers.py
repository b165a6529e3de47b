"""Secrets in an accepted answer reach no row, event or page in plain text."""

import json
import uuid

import pytest
from django.apps import apps

from portal.changes.models import Change, State
from portal.changes.records import seal_payload, unseal_payload
from portal.directory.models import IndexedEntity
from provisioning.gateway.secrets import Sealed, reveal_all
from tests.portal.hostile.leaks import found_in
from tests.provisioning.gateway.wire import response, wire

SECRETS = {
    "shared": "shared-canary-1f0c",
    "provider": "provider-canary-77ab",
    "setting": "setting-canary-9d21",
}


def stored():
    """Return every row of every table as text."""
    rows = [list(model._base_manager.values()) for model in apps.get_models() if not model._meta.proxy]
    return json.dumps(rows, default=str, ensure_ascii=False).encode()


@pytest.fixture
def form(merchant):
    """Return a body with a secret in every secret property."""
    return {
        "name": "ACME Card",
        "adapter": "Simulator",
        "method": "Creditcard",
        "apiKey": uuid.uuid4().hex[:12],
        "sharedSecret": SECRETS["shared"],
        "config.password": SECRETS["provider"],
        "settings": json.dumps({"acme:provider-password": SECRETS["setting"], "tx:expiration-minutes": 900}),
        "submission": str(uuid.uuid4()),
    }


@pytest.fixture
def echoing(connection, gateway, merchant):
    """Serve a gateway that answers a create with everything that was sent."""
    secrets = {"key": gateway.api_key, "password": gateway.password}

    def talk(peer):
        request = server.requests[-1]
        head, _, body = request.partition(b"\r\n\r\n")
        if request.startswith(b"GET"):
            peer.sendall(response('{"success": true, "tenants": [], "merchants": [], "connectors": []}'))
            return
        basic = head.decode().split("Authorization: ")[1].split("\r\n")[0]
        answer = {
            "success": True,
            "connector": {
                "guid": "CO-1234-1234-1234", "name": "ACME Card", "adapter": "Simulator",
                "method": "Creditcard", "description": f"created with {basic} {secrets} {body.decode()}",
                "settings": json.loads(body).get("settings", {}), "trace": basic,
            },
            "request": json.loads(body),
            "debug": {"authorization": basic},
        }  # fmt: skip
        peer.sendall(response(json.dumps(answer), headers=f"X-Request-Id: {gateway.password}\r\n"))

    with wire(talk) as server:
        connection.base_url = server.url
        connection.save()
        yield {**SECRETS, **{f"the connection's {name}": value for name, value in secrets.items()}}


@pytest.fixture(autouse=True)
def pages(settings):
    """Use the portal's own pages."""
    settings.ROOT_URLCONF = "portal.urls"


def test_no_secret_of_an_echoed_request_is_stored_or_shown(echoing, form, merchant, browser):
    browser.get(f"/sandbox/merchants/{merchant.guid}/")
    IndexedEntity.objects.update_or_create(
        connection="sandbox", kind="merchant", guid=merchant.guid,
        defaults={"name": "Shop", "parent_guid": merchant.parent, "seen_at": "2026-01-01T00:00:00Z"},
    )  # fmt: skip
    answer = browser.post(f"/sandbox/merchants/{merchant.guid}/connectors/new/", form)
    change = Change.objects.get()
    assert answer.status_code == 302 and change.state == State.ACCEPTED, change.explanation
    assert found_in(stored(), echoing) == []
    page = browser.get(f"/changes/{change.pk}/")
    assert page.status_code == 200 and found_in(page.content, echoing) == []
    assert IndexedEntity.objects.filter(kind="connector").count() == 1


def test_settings_that_the_contract_does_not_name_are_masked_wherever_they_are_stored(
    connection, form, merchant, browser
):
    browser.get("/sandbox/merchants/?refresh=1")
    made = browser.post(f"/sandbox/merchants/{merchant.guid}/connectors/new/", form)
    assert made.status_code == 302, made.content.decode()
    guid = Change.objects.get().object_guid
    page = browser.get(f"/sandbox/connectors/{guid}/edit/")
    assert b"tx:expiration-minutes" in page.content and found_in(page.content, SECRETS) == []
    settings = {"acme:provider-password": "another-canary-5c5c", "tx:expiration-minutes": 600}
    base = page.context["base"]
    seen = {
        name: value for name, value in page.context["form"].initial.items() if value not in (None, [], {})
    }
    edited = browser.post(
        f"/sandbox/connectors/{guid}/edit/", {**seen, "base": base, "settings": json.dumps(settings)}
    )
    assert edited.status_code == 302, edited.content.decode()
    change = Change.objects.latest("created_at")
    browser.post(f"/changes/{change.pk}/send/", {"reason": "test"})
    change.refresh_from_db()
    assert change.state == State.ACCEPTED, change.explanation
    everything = {**SECRETS, "second": "another-canary-5c5c"}
    assert found_in(stored(), everything) == []
    for address in (f"/changes/{change.pk}/", f"/sandbox/connectors/{guid}/"):
        assert found_in(browser.get(address).content, everything) == []
    assert change.request["body"]["addSettings"]["tx:expiration-minutes"] == 600


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed",
    [
        {"$sealed": "x"},
        {"$literal": {"$sealed": "x"}},
        {"$literal": {"a": 1}},
        {"$literal": "x"},
        {"a": {"$sealed": ["x", {"$sealed": 1}]}},
        {"$sealed": {"$literal": {}}, "b": 1},
        [{"$sealed": None}],
    ],
)
def test_a_body_is_the_same_after_it_was_kept(typed):
    change = Change(operation="connector.create")
    body = {"name": "Rosa", "settings": typed, "config": {"password": Sealed({"$sealed": "y"})}}
    kept = unseal_payload(change, seal_payload(change, body))
    assert reveal_all(kept) == reveal_all(body)
    assert kept["settings"] == typed and isinstance(kept["config"]["password"], Sealed)
