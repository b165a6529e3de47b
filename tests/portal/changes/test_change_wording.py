"""The texts of change pages: no useless advice, nothing twice, no empty brackets."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.changes.models import Change, State
from provisioning.gateway.error_codes import describe_refusal, is_correctable
from tests.portal.changes.conftest import hidden, only_change
from tests.portal.changes.test_creating import FIELDS, new


@pytest.fixture
def refused(agent):
    """Store a refused change of Ana's."""

    def make(**values):
        made = {
            "operation": "merchant.create",
            "connection": "sandbox",
            "state": State.REFUSED,
            "target": "TE-1",
        }
        return Change.objects.create(actor=agent, actor_name="Ana Agent", **{**made, **values})

    return make


def test_a_refusal_without_a_code_has_no_empty_brackets():
    assert describe_refusal(code="", gateway_message="no", explanation="Refused.") == (
        "Refused. The gateway’s message: “no”"
    )


@pytest.mark.parametrize(
    ("code", "field", "status", "correctable"),
    [
        ("1002", "city", 422, True),
        ("1005", "", 422, True),
        ("1000", "", 401, False),
        ("", "", 409, False),
        ("", "", 429, False),
        ("", "", 403, False),
        ("NOT_ALLOWED", "", 422, False),
    ],
)
def test_only_what_was_typed_can_be_corrected(code, field, status, correctable):
    assert is_correctable(code=code, field=field, http_status=status) is correctable


def test_correcting_opens_the_form_under_what_happened(browser, tenant, relay):
    browser.post(new(tenant), {**FIELDS, "timezone": "Mars/Olympus", "submission": str(uuid.uuid4())})
    page = browser.get(f"{new(tenant)}?change={only_change().pk}").content.decode()
    assert "The gateway refused this" in page
    assert "This was not sent" not in page


def test_a_refused_create_names_its_merchant(browser, refused):
    change = refused(operation="connector.create", parent_name="Café Müller", object_name="Card")
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Connector of Café Müller in sandbox" in page


def test_nothing_is_said_twice(browser, refused):
    change = refused(explanation="The gateway refused the request. Nothing was changed.", http_status=409)
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Nothing changed at the gateway" not in page
    assert "Correct it" not in page


@pytest.mark.urls("portal.urls")
def test_home_forgets_a_refusal_that_was_corrected_or_dismissed(one_day, browser, refused, client_of, admin):
    corrected = refused(object_name="Corrected shop")
    refused(object_name="Corrected shop", state=State.ACCEPTED)
    Change.objects.filter(pk=corrected.pk).update(created_at=timezone.now() - timedelta(seconds=1))
    other = refused(object_name="Other shop")
    page = browser.get("/").content.decode()
    assert "Corrected shop" not in page
    assert "Other shop" in page
    assert client_of(admin).post(f"/changes/{other.pk}/dismiss/").status_code == 403
    browser.post(f"/changes/{other.pk}/dismiss/")
    page = browser.get("/").content.decode()
    assert "Other shop" not in page
    assert "You’re all caught up." in page


def test_secrets_that_this_server_cannot_open_stay_and_say_so(browser, merchant, relay, settings):
    path = f"/sandbox/merchants/{merchant.guid}/connectors/new/"
    form = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": uuid.uuid4().hex}
    browser.post(path, {**form, "submission": hidden(browser.get(path), "submission")})
    change = only_change()
    keys = settings.PORTAL_ENCRYPTION_KEYS
    settings.PORTAL_ENCRYPTION_KEYS = keys.replace("test-1:", "other-1:")
    answer = browser.post(f"/changes/{change.pk}/reveal/")
    assert answer.status_code == 409
    assert "cannot be decrypted on this server" in answer.content.decode()
    assert "could not record this change" not in answer.content.decode()
    settings.PORTAL_ENCRYPTION_KEYS = keys
    assert browser.post(f"/changes/{change.pk}/reveal/").status_code == 200
