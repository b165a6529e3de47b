"""Secrets: encrypted while unsent, shown once if generated, never in plain text in the database."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection as database
from django.db import connections
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone

from portal.audit.models import Event
from portal.changes import one_time_secrets, outcomes
from portal.changes.errors import SecretsGone
from portal.changes.models import Change, State
from portal.changes.records import seal_payload, unseal_payload
from portal.changes.templatetags.changes import generated_secrets
from portal.core.text import database_safe
from provisioning import service
from provisioning.encryption import KeyringError
from provisioning.gateway.secrets import Sealed
from tests.portal.changes.conftest import ORIGIN, hidden, only_change

CANARY = 'canary/"&<ü>-7f3a'


@pytest.fixture
def create(browser, merchant):
    """Post the connector form."""

    def post(**values):
        form = {
            "name": "ACME CC",
            "adapter": "Simulator",
            "method": "Creditcard",
            "apiKey": f"key-{uuid.uuid4().hex[:8]}",
            "submission": str(uuid.uuid4()),
            **values,
        }
        return browser.post(f"/sandbox/merchants/{merchant.guid}/connectors/new/", form)

    return post


def rows_as_text():
    """Return every row of every table as text."""
    text = []
    for model in apps.get_models():
        table = database.ops.quote_name(model._meta.db_table)
        with database.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - the tables' own names
            text += [repr(row) for row in cursor.fetchall()]
    return "\n".join(text)


def spellings(secret):
    raw = secret.encode()
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        base64.b64encode(raw).decode(),
        repr(secret)[1:-1],
    }


def test_a_generated_secret_is_shown_once_after_it_was_recorded(create, browser, relay):
    create()
    change = only_change()
    assert change.state == State.ACCEPTED, change.gateway_message
    assert "Show the generated secrets once" in browser.get(f"/changes/{change.pk}/").content.decode()
    shown = browser.post(f"/changes/{change.pk}/reveal/")
    there = service.read_entity(
        connection="sandbox", kind="connector", parent=change.parent_guid, guid=change.object_guid
    )
    assert there.values["sharedSecret"].reveal() in shown.content.decode()
    assert there.values["publicIntegrationKey"] in shown.content.decode()
    assert shown["Cache-Control"] == "no-store"
    assert Event.objects.filter(action="secret.revealed", change_id=str(change.pk)).count() == 1
    assert browser.post(f"/changes/{change.pk}/reveal/").status_code == 410
    assert there.values["sharedSecret"].reveal() not in rows_as_text()


REPLACED = "A later change set another value"


@pytest.mark.parametrize("state", [State.ACCEPTED, State.UNKNOWN, State.REFUSED, State.PREPARED])
def test_a_generated_secret_that_was_replaced_since_says_so(create, browser, state):
    create()
    change = only_change()
    address = f"/sandbox/connectors/{change.object_guid}/edit/"
    typed = change.body | {"sharedSecret": "chosen-by-hand", "base": hidden(browser.get(address), "base")}
    typed = {name: value for name, value in typed.items() if isinstance(value, str)}
    assert browser.post(address, typed).status_code == 302
    Change.objects.exclude(pk=change.pk).update(state=state)
    shown = browser.post(f"/changes/{change.pk}/reveal/").content.decode()
    assert shown.count(REPLACED) == (state in (State.ACCEPTED, State.UNKNOWN))


def test_a_generated_secret_that_was_replaced_outside_the_portal_says_so(create, browser):
    create()
    change = only_change()
    service.perform(
        "connector.update",
        connection="sandbox",
        target=change.object_guid,
        parent=change.parent_guid,
        payload={**change.body, "sharedSecret": Sealed("set-elsewhere")},
    )
    shown = browser.post(f"/changes/{change.pk}/reveal/").content.decode()
    assert shown.count("The gateway shows another value now, so this one is no longer valid.") == 1
    assert "set-elsewhere" not in shown


def test_a_generated_secret_that_cannot_be_compared_says_so(create, browser, connection):
    create()
    change = only_change()
    connection.base_url = "http://127.0.0.1:9/api/provisioning"
    connection.save()
    shown = browser.post(f"/changes/{change.pk}/reveal/").content.decode()
    assert shown.count("the portal cannot tell whether this one is valid") == len(change.spec.generates) == 2


def test_parallel_reveals_show_it_once(transactional_db, create, agent, relay):
    create()
    change = only_change()

    def reveal(_turn):
        try:
            return one_time_secrets.reveal_secrets(user=agent, origin=ORIGIN, change=change)
        except SecretsGone:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        shown = [found for found in pool.map(reveal, range(8)) if found]
    assert len(shown) == 1
    assert Event.objects.filter(action="secret.revealed").count() == 1


def test_only_the_author_in_time_sees_them(create, browser, admin, client_of, relay):
    create()
    change = only_change()
    assert client_of(admin).post(f"/changes/{change.pk}/reveal/").status_code == 410
    Change.objects.update(secrets_until=timezone.now() - timedelta(seconds=1))
    assert browser.post(f"/changes/{change.pk}/reveal/").status_code == 410
    outcomes.settle_stale_changes()
    assert only_change().sealed_secrets == ""


def test_the_banner_is_offered_on_the_entity_s_page(create, agent, relay):
    create()
    change = only_change()
    request = RequestFactory().get("/")
    request.user = agent
    request.resolver_match = resolve(f"/sandbox/merchants/{change.parent_guid}/")
    offer = generated_secrets({"request": request}, change.object_guid)
    assert offer["change"] == change
    assert generated_secrets({"request": request}, "CO-other")["change"] is None


def test_given_secrets_are_not_offered(create, relay):
    create(sharedSecret="given-by-hand")
    kept = only_change()
    assert "given-by-hand" not in rows_as_text()
    assert kept.body["sharedSecret"] == "••••••"


@pytest.mark.parametrize("state", ["accepted", "refused", "unknown", "prepared"])
def test_no_secret_is_stored_in_plain_text(*, create, browser, merchant, relay, fault, state):
    if state == "refused":
        fault("422", "createConnector")
    if state == "unknown":
        fault("500", "createConnector")
    create(**{"sharedSecret": CANARY, "config.password": CANARY})
    change = only_change()
    if state == "prepared":
        entity = service.read_entity(
            connection="sandbox", kind="connector", parent=merchant.guid, guid=change.object_guid
        )
        url = f"/sandbox/connectors/{entity.guid}/edit/"
        page = browser.get(url)
        assert CANARY not in page.content.decode()
        form = {**page.context["form"].initial, "base": hidden(page, "base"), "sharedSecret": CANARY + "2"}
        response = browser.post(url, {name: value for name, value in form.items() if value is not None})
        change = Change.objects.get(pk=response.url.split("/")[2])
        assert "secret, never shown" in browser.get(response.url).content.decode()
    assert change.state == state
    text = rows_as_text()
    for spelling in spellings(CANARY):
        assert spelling not in text
    for event in Event.objects.all():
        assert CANARY not in str(event.__dict__)


def test_a_sealed_payload_opens_for_its_own_change_only(agent):
    one, other = Change(), Change()
    sealed = seal_payload(one, {"a": Sealed("x"), "b": [1, {"c": Sealed("y")}]})
    opened = unseal_payload(one, sealed)
    assert opened["a"].reveal() == "x"
    assert opened["b"][1]["c"].reveal() == "y"
    with pytest.raises(KeyringError):
        unseal_payload(other, sealed)


def test_what_postgresql_refuses_is_made_storable():
    odd = {"a\x00": ["\ud800", float("nan"), float("inf"), 1.5, None]}
    assert database_safe(odd) == {"a\ufffd": ["?", "nan", "inf", 1.5, None]}
