"""The same new entity under another submission is only created on purpose."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from portal.changes.gates import DUPLICATE_WINDOW
from portal.changes.models import Change, State
from tests.portal.changes.conftest import hidden
from tests.portal.changes.test_creating import FIELDS, new
from tests.running.production import key


def sent(browser, tenant, **fields):
    """Submit the form as after the browser's Back button: the same values, another submission."""
    return browser.post(new(tenant), {**FIELDS, **fields, "submission": str(uuid.uuid4())})


def test_going_back_and_pressing_create_again_sends_nothing_and_says_what_became_of_the_first(
    browser, tenant, relay
):
    first = sent(browser, tenant, city="Graz")
    again = sent(browser, tenant, city="Graz")
    page = again.content.decode()
    assert again.status_code == 409
    assert relay.writes == 1
    assert Change.objects.count() == 1
    assert f'href="{first.url}"' in page
    assert "You sent exactly this" in page
    assert 'value="Graz"' in page
    assert hidden(again, "submission")


def test_another_one_on_purpose_is_sent(browser, tenant, relay):
    first, second = sent(browser, tenant), sent(browser, tenant, again="1")
    assert second.status_code == 302
    assert first.url != second.url
    assert relay.writes == 2


def test_a_form_that_differs_is_another_one(browser, tenant, relay):
    sent(browser, tenant)
    assert sent(browser, tenant, city="Linz").status_code == 302
    assert relay.writes == 2


def test_another_user_may_create_the_same(browser, admin, client_of, tenant, relay):
    sent(browser, tenant)
    assert sent(client_of(admin), tenant).status_code == 302
    assert relay.writes == 2


def test_who_comes_later_means_it(browser, tenant, relay):
    sent(browser, tenant)
    Change.objects.update(created_at=timezone.now() - DUPLICATE_WINDOW - timedelta(seconds=1))
    assert sent(browser, tenant).status_code == 302
    assert relay.writes == 2


@pytest.mark.parametrize(
    ("state", "words"), [(State.UNKNOWN, "The outcome is unknown"), (State.SENDING, "still being sent")]
)
def test_an_open_outcome_counts_as_sent(browser, tenant, relay, state, words):
    sent(browser, tenant)
    Change.objects.update(state=state, object_guid="")
    again = sent(browser, tenant)
    assert again.status_code == 409
    assert words in again.content.decode()
    assert f"/changes/{Change.objects.get().pk}/" in again.content.decode()
    assert relay.writes == 1


@pytest.mark.parametrize("state", [State.REFUSED, State.NOT_SENT, State.CANCELLED])
def test_what_certainly_made_nothing_is_sent_again(browser, tenant, relay, state):
    sent(browser, tenant)
    Change.objects.update(state=state)
    assert sent(browser, tenant).status_code == 302


def test_two_tabs_at_once_send_one(transactional_db, agent, client_of, tenant, relay):
    browsers = [client_of(agent) for _ in range(4)]

    def click(browser):
        try:
            return sent(browser, tenant).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(click, browsers))
    assert statuses == [302, 409, 409, 409]
    assert relay.writes == 1


def test_secrets_tell_bodies_apart_and_are_asked_for_again(browser, merchant, relay):
    address = f"/sandbox/merchants/{merchant.guid}/connectors/new/"
    form = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": uuid.uuid4().hex}
    first = browser.post(address, {**form, "config.password": "one", "submission": str(uuid.uuid4())})
    assert first.status_code == 302
    again = browser.post(address, {**form, "config.password": "one", "submission": str(uuid.uuid4())})
    assert again.status_code == 409
    assert "Enter them again" in again.content.decode()
    browser.post(address, {**form, "config.password": "two", "submission": str(uuid.uuid4())})
    assert relay.writes == 2


def test_the_same_is_known_again_after_the_encryption_keys_changed(browser, tenant, relay, settings):
    old = settings.PORTAL_ENCRYPTION_KEYS
    first = sent(browser, tenant, city="Graz")
    settings.PORTAL_ENCRYPTION_KEYS = f"next:{key()},{old}"
    again = sent(browser, tenant, city="Graz")
    assert again.status_code == 409 and f'href="{first.url}"' in again.content.decode()
    assert relay.writes == 1
    assert sent(browser, tenant, city="Linz").status_code == 302
    settings.PORTAL_ENCRYPTION_KEYS = f"{old},{settings.PORTAL_ENCRYPTION_KEYS.split(',')[0]}"
    assert sent(browser, tenant, city="Linz").status_code == 409, (
        "first added behind, then moved to the front"
    )
    assert relay.writes == 2
