"""The merchants' forms against the contract, field by field and with the documented bodies."""

import pytest
from django.http import QueryDict

from portal.merchants.forms import MerchantCreateForm, MerchantEditForm
from provisioning import contract
from tests.contract_forms import form_follows_contract

BASE = {"name": "Shop", "homepage": "https://shop.example", "timezone": "UTC"}


def posted(**values):
    """Form data as a browser posts it."""
    data = QueryDict(mutable=True)
    for name, value in values.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def browsered(body):
    """A JSON body as a browser would post it: ticked boxes as "on", others absent."""
    values = {name: "on" if value is True else value for name, value in body.items() if value is not False}
    return posted(
        **{name: value if isinstance(value, list) else str(value) for name, value in values.items()}
    )


@pytest.mark.parametrize("form_class", [MerchantCreateForm, MerchantEditForm])
def test_the_form_is_the_contract_s_schema(form_class):
    assert form_follows_contract(form_class) == []


def test_the_documented_body_goes_through_the_form_unchanged():
    body = contract.contract_examples("createMerchant")["merchantCreateFull"]
    form = MerchantCreateForm(data=browsered(body))
    assert form.is_valid(), form.errors
    assert form.payload() == body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "ab"),
        ("name", ""),
        ("homepage", "https://"),
        ("homepage", "ftp://shop.example"),
        ("homepage", "https://shop.example/a b"),
        ("homepage", "https://[::1"),
        ("timezone", ""),
        ("country", "Austria"),
        ("defaultCurrency", "€"),
        ("riskAlertEmail", "nobody"),
        ("defaultRiskRuleSet", str(2**63)),
        ("defaultVtRiskRuleSet", "1.5"),
        ("disabledTransactionTypes", ["payout", "barter"]),
        ("eventNotificationUrl", "https://a.example/" + "x" * 65535),
    ],
)
def test_what_the_contract_forbids_is_refused_on_its_field(field, value):
    form = MerchantCreateForm(data=posted(**(BASE | {field: value})))
    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_a_web_address_without_scheme_gets_one():
    form = MerchantCreateForm(data=posted(**BASE | {"homepage": " www.example.org "}))
    assert form.is_valid()
    assert form.payload()["homepage"] == "https://www.example.org"


def test_a_long_notification_address_is_fine():
    long = "https://a.example/" + "x" * 60000
    form = MerchantCreateForm(data=posted(**BASE, eventNotificationUrl=long))
    assert form.is_valid(), form.errors


def test_a_stored_code_outside_the_lists_stays_selectable():
    stored = BASE | {"country": "ZZ", "defaultCurrency": "XTS", "timezone": "Mars/Olympus"}
    form = MerchantEditForm(initial=stored, data=posted(**stored))
    assert form.is_valid(), form.errors
    assert form.changes_from(stored) == {}
    assert "ZZ (as stored)" in str(form["country"])


def test_disabling_sends_what_is_documented():
    stored = {
        "name": "Merchant A",
        "homepage": "https://www.example.org",
        "timezone": "UTC",
        "disabled": False,
    }
    form = MerchantEditForm(initial=stored, data=browsered(stored | {"disabled": True}))
    assert form.is_valid(), form.errors
    assert form.changes_from(stored) == contract.contract_examples("updateMerchant")["merchantUpdateDisable"]


@pytest.mark.parametrize("field", ["country", "riskAlertEmail", "eventNotificationUrl", "defaultRiskRuleSet"])
def test_emptying_what_has_a_format_is_refused_in_words(field):
    stored = BASE | {
        "country": "AT",
        "riskAlertEmail": "risk@shop.example",
        "eventNotificationUrl": "https://a.example",
        "defaultRiskRuleSet": 7,
    }
    form = MerchantEditForm(initial=stored, data=browsered(stored | {field: ""}))
    assert not form.is_valid()
    assert "cannot empty" in form.errors[field][0]


def test_emptying_a_plain_text_and_the_transaction_types_is_sent():
    stored = BASE | {"city": "Wien", "disabledTransactionTypes": ["payout"]}
    form = MerchantEditForm(initial=stored, data=browsered(BASE | {"city": ""}))
    assert form.is_valid(), form.errors
    changes = form.changes_from(stored)
    assert (changes["city"], changes["disabledTransactionTypes"]) == ("", [])
