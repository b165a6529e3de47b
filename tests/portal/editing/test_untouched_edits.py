"""An edit form that comes back as it was opened changes nothing, and one edited field changes that one."""

import json
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from portal.changes.models import Change
from portal.changes.records import unseal_payload
from portal.connectors.forms import ConnectorEditForm
from portal.core.datetimes import format_datetime
from portal.merchant_users.forms import MerchantUserEditForm
from portal.merchants.forms import MerchantEditForm
from portal.tenants.forms import TenantEditForm
from provisioning import service
from provisioning.entities import ENTITY_KINDS
from provisioning.gateway.secrets import MASK, reveal_all
from tests.factories import connector_made, merchant_made, unique, user_made
from tests.html_form import HtmlForm

ODD = "\u00a0Line 1\nLine 2 \u200b e\u0301 "
MERCHANT = {
    "name": f" {ODD}", "address": "Line 1\nLine 2\r\n\tLine 3 ", "zipCode": " 1010\u00a0", "city": ODD,
    "externalId": "\ufeffcrm\u202e7 ", "homepage": "http:/example.org", "administrativeEmail": "office(at)x ",
    "disabledTransactionTypes": ["payout", "incremental_authorization"], "defaultCurrency": "DEM",
    "country": "XK", "timezone": "US/Eastern", "eventNotificationUrl": "https://münchen.example/straße",
    "technicalEmail": "it@münchen.example",
}  # fmt: skip
CONNECTOR = {
    "description": "one\r\ntwo\n ", "alias": " my alias ", "provider": " PR-1 ",
    "publicIntegrationKey": " pik\u200b",
    "config": {"username": " login\u00a0", "testMode": True, "language": "xx"}, "businessCountry": "XK",
    "postbackFormat": "xml-new", "disabledTransactionTypes": ["payout", "new_type"],
    "settings": {"no:such": " a\r\nb ", "Refund:ui-enabled": 1, "\u200bhidden": "x"},
    "terminals": [{"terminalId": " T1 ", "disabled": True, "model": "P400"},
    {"terminalId": "T2\n", "disabled": False}],
}  # fmt: skip
USER = {
    "username": " hidden\u200bname ", "firstName": " Zoe\n", "lastName": "\u00a0Quark",
    "email": "zoe@münchen.example",
    "validUntil": "2027-10-31T01:30:00+00:00", "permissions": ["frontend.dashboard.show",
    "frontend.new.thing"],
    "apiUserSettings": {"push-api": True, "beta-api": True},
}  # fmt: skip


@pytest.fixture
def browser(client_of, agent, connection):
    """A browser of a person in Vienna."""
    agent.timezone = "Europe/Vienna"
    agent.save()
    return client_of(agent)


@pytest.fixture
def shown(monkeypatch):
    """Lets the gateway show further values of an entity, such as ones from before a rule, or newer ones."""
    more = {}
    read = service.read_entity

    def read_entity(**place):
        entity = read(**place)
        values = {**entity.values, **more}
        if isinstance(more.get("config"), dict):
            values["config"] = {**entity.values.get("config", {}), **more["config"]}
        return ENTITY_KINDS[place["kind"]].entity_class.from_answer(values, parent=entity.parent)

    monkeypatch.setattr(service, "read_entity", read_entity)
    return more


def made(kind, connection):
    """An entity of each kind, with its edit address and a field to edit."""
    merchant = merchant_made(connection)
    if kind == "merchant":
        return merchant, reverse("merchants:edit", args=["sandbox", merchant.guid]), "city", MERCHANT
    if kind == "merchant_user":
        user = user_made(connection, merchant)
        return user, reverse("merchant_users:edit", args=["sandbox", user.guid]), "firstName", USER
    connector = connector_made(connection, merchant)
    return connector, reverse("connectors:edit", args=["sandbox", connector.guid]), "description", CONNECTOR


@pytest.mark.parametrize("kind", ["merchant", "merchant_user", "connector"])
def test_odd_stored_values_stay_unless_edited(kind, browser, connection, shown):
    _, address, field, odd = made(kind, connection)
    shown.update(odd)
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    response = browser.post(address, data)
    assert response.status_code == 200, response.content.decode()
    assert "there is nothing to send" in response.content.decode()
    assert not Change.objects.exists()

    response = browser.post(address, {**data, field: ["Something else"]})
    assert response.status_code == 302, response.content.decode()
    change = Change.objects.get()
    changed = [row["field"] for row in change.rows if not row["unchanged"]]
    assert changed == [field] and change.body[field] == "Something else"


def test_an_address_of_two_lines_made_by_the_api_is_kept(browser, connection):
    merchant = merchant_made(connection, address="Line 1\nLine 2", city=" Wien ", name=f"Shop {unique()} ")
    address = reverse("merchants:edit", args=["sandbox", merchant.guid])
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    assert "there is nothing to send" in browser.post(address, data).content.decode()
    browser.post(address, {**data, "zipCode": ["1010"]})
    assert [row["field"] for row in Change.objects.get().rows if not row["unchanged"]] == ["zipCode"]


@pytest.mark.parametrize(
    "stored", ["2027-10-31T00:30:00+00:00", "2027-10-31T01:30:00+00:00", "2027-10-31 01:30:00"]
)
def test_a_time_in_the_repeated_hour_is_kept(stored, browser, connection, shown):
    _, address, _, _ = made("merchant_user", connection)
    shown["validUntil"] = stored
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    assert data["validUntil"] == ["2027-10-31T02:30:00"]
    assert "there is nothing to send" in browser.post(address, data).content.decode()
    browser.post(address, {**data, "firstName": ["Ana"]})
    assert "validUntil" not in Change.objects.get().body


def test_a_time_typed_in_the_hour_that_comes_twice_is_shown_so_that_it_is_clear(browser, connection):
    _, address, _, _ = made("merchant_user", connection)
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    answer = browser.post(address, {**data, "validUntil": ["2027-10-31T02:30:00"]}, follow=True)
    assert Change.objects.get().body["validUntil"] == "2027-10-31 00:30:00"
    assert "2027-10-31 00:30:00" in answer.content.decode() and "Sent in UTC." in answer.content.decode()
    first = format_datetime("2027-10-31 00:30:00", ZoneInfo("Europe/Vienna"))
    assert "31 Oct 2027, 02:30 (UTC+02:00)" in first
    second = format_datetime("2027-10-31T01:30:00+00:00", ZoneInfo("Europe/Vienna"))
    assert "31 Oct 2027, 02:30 (UTC+01:00)" in second
    assert "(UTC" not in format_datetime("2027-10-31T02:30:00+00:00", ZoneInfo("Europe/Vienna"))


def test_editing_a_neighbour_in_a_list_keeps_what_the_portal_does_not_know(browser, connection, shown):
    for kind, label in (("merchant", "merchants"), ("connector", "connectors")):
        entity, address, _, _ = made(kind, connection)
        shown["disabledTransactionTypes"] = ["payout", "incremental_authorization"]
        data = HtmlForm(browser.get(address).content.decode(), "base").data
        response = browser.post(
            address, {**data, "disabledTransactionTypes": ["incremental_authorization", "refund"]}
        )
        assert response.status_code == 302, response.content.decode()
        body = Change.objects.get(object_guid=entity.guid).body
        assert sorted(body["disabledTransactionTypes"]) == ["incremental_authorization", "refund"], label


def test_editing_a_terminal_keeps_what_the_portal_does_not_know_of_each(browser, connection, shown):
    """Also of the row that is edited, and of rows behind one that is removed. A sealed STAN is not drawn."""
    _, address, _, _ = made("connector", connection)
    location = {"location": {"shop": 7}}
    shown["terminals"] = [
        {"terminalId": "T1", "disabled": False, "model": "P400"},
        {"terminalId": " T2 ", "disabled": False, "model": "V200", **location},
        {"terminalId": "T3", "disabled": True, "stan": "12"},
    ]
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    assert data["terminals.2.stan"] == [""]
    data = {name: value for name, value in data.items() if not name.startswith("terminals.0.")}
    response = browser.post(
        address, {**data, "terminals.1.disabled": ["on"], "terminals.3.terminalId": ["T4"]}
    )
    assert response.status_code == 302, response.content.decode()
    change = Change.objects.get()
    assert [row.get("model") for row in change.body["terminals"]] == [MASK, None, None]
    assert reveal_all(unseal_payload(change, change.sealed_payload))["terminals"] == [
        {"terminalId": "T2", "disabled": True, "model": "V200", **location},
        {"terminalId": "T3", "disabled": True, "stan": "12"},
        {"terminalId": "T4", "disabled": False},
    ]


text = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
        st.sampled_from(" \t\r\n\u00a0\u200b\ufeff\u202e\u2028\"'<>&,;e\u0301"),
    ),
    min_size=1,
    max_size=12,
)
FORMS = {
    MerchantEditForm: ["name", "address", "city", "homepage", "externalId", "technicalEmail", "country",
    "timezone"],
    TenantEditForm: ["name", "mailSenderName", "mailSenderAddress", "defaultCurrency"],
    ConnectorEditForm: ["name", "adapter", "apiKey", "description", "provider", "config.username",
    "config.language"],
    MerchantUserEditForm: ["username", "email", "firstName", "lastName", "validUntil"],
}  # fmt: skip


@pytest.mark.parametrize("form_class", FORMS)
@given(data=st.data())
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking would draw the whole form a thousand times
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_stored_an_untouched_form_changes_nothing(form_class, data):
    values = {"type": "web", "config": {}}
    for name in FORMS[form_class]:
        if name.startswith("config."):
            values["config"][name.removeprefix("config.")] = data.draw(text)
        else:
            values[name] = data.draw(text)
    if form_class is ConnectorEditForm:
        values["settings"] = {
            data.draw(text): data.draw(st.one_of(text, st.integers(), st.floats(allow_nan=False)))
        }
        values["terminals"] = [{"terminalId": data.draw(text), "disabled": data.draw(st.booleans())}]
        values["disabledTransactionTypes"] = [data.draw(text)]
    initial = form_class.initial_from(values)
    page = form_page(form_class(initial=initial))
    form = form_class(data=page, initial=initial)
    assert form.is_valid(), form.errors.as_json()
    assert form.changes_from(values) == {}, json.dumps(values)


def form_page(form):
    """The form as a browser posts it."""
    from django.http import QueryDict
    from django.template.loader import render_to_string

    html = render_to_string(
        "partials/form_sections.html", {"form": form, "change": SimpleNamespace(state="")}
    )
    posted = QueryDict(mutable=True)
    for name, found in HtmlForm(f'<form><input type="hidden" name="base">{html}</form>', "base").data.items():
        posted.setlist(name, found)
    del posted["base"]
    return posted


def test_undocumented_settings_are_named_on_the_form_and_the_review_and_wrong_values_refused(
    browser, connection
):
    _, address, _, _ = made("connector", connection)
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    for wrong in ('{"tx:expiration-minutes": "abc"}', '{"tx:expiration-minutes": 3}'):
        response = browser.post(address, {**data, "settings": [wrong]})
        assert response.status_code == 422 and "5 or more" in response.content.decode()
    settings_typed = {"settings": ['{"Refund:ui-enabled": 1, "no:such": "x"}']}
    refused = browser.post(address, {**data, **settings_typed, "name": [""]}).content.decode()
    assert "Did you mean “refund:ui-enabled”?" in refused
    review = browser.post(address, {**data, **settings_typed}, follow=True).content.decode()
    assert "Did you mean “refund:ui-enabled”?" in review
    assert "“no:such” is not a documented setting" in review


def test_names_that_would_turn_other_words_around_are_refused_wherever_people_type_them(
    client_of, admin, connection
):
    browser = client_of(admin)
    for address, field, more in (
        ("/staff/new/", "first_name", {"username": "zoe", "role": "Support agent"}),
        ("/connections/new/", "name", {"slug": "more", "base_url": "https://gateway.example.org/api"}),
    ):
        answer = browser.post(address, {**more, field: "Zoe\u202e krauQ"})
        assert "right-to-left override" in answer.content.decode(), (address, answer.status_code)


@pytest.mark.parametrize(
    ("kind", "field", "typed"),
    [
        ("merchant", "country", "ZZ"),
        ("merchant", "defaultCurrency", "no-currency"),
        ("merchant", "disabledTransactionTypes", ["DEBIT"]),
        ("merchant_user", "permissions", "no.such.permission"),
        ("merchant_user", "validUntil", "tomorrow"),
        ("connector", "businessCountry", "Austria"),
        ("connector", "config.language", "german"),
        ("connector", "disabledTransactionTypes", ["debit", "nonsense"]),
    ],
)
def test_a_value_that_is_not_offered_is_refused_and_not_ignored(kind, field, typed, browser, connection):
    """What a script posts beside the offered values is never dropped in silence."""
    _, address, neighbour, _ = made(kind, connection)
    data = HtmlForm(browser.get(address).content.decode(), "base").data
    for edits in ({}, {neighbour: ["Edited"]}):
        answer = browser.post(address, {**data, **edits, field: typed})
        assert answer.status_code == 422, answer.content.decode()
        assert field in answer.context["form"].errors
    assert not Change.objects.exists()
