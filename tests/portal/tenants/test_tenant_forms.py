"""The tenant's form against the contract."""

import pytest

from portal.tenants.forms import TenantEditForm
from provisioning import contract
from tests.contract_forms import form_follows_contract

STORED = {
    "name": "Old",
    "defaultCurrency": "EUR",
    "mailSenderName": "Old",
    "mailSenderAddress": "old@t.example",
}


def test_the_form_is_the_contract_s_schema():
    assert form_follows_contract(TenantEditForm) == []


def test_the_documented_body_is_what_the_form_sends():
    body = contract.contract_examples("updateTenant")["tenantUpdateTypical"]
    form = TenantEditForm(initial=STORED, data=STORED | body)
    assert form.is_valid(), form.errors
    assert form.changes_from(STORED) == body


@pytest.mark.parametrize(
    ("field", "value"), [("mailSenderAddress", "nobody"), ("mailSenderAddress", ""), ("defaultCurrency", "")]
)
def test_what_the_contract_forbids_is_refused_on_its_field(field, value):
    form = TenantEditForm(initial=STORED, data=STORED | {field: value})
    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_a_stored_currency_outside_the_list_stays_selectable():
    stored = STORED | {"defaultCurrency": "XTS"}
    form = TenantEditForm(initial=stored, data=stored)
    assert form.is_valid(), form.errors
    assert form.changes_from(stored) == {}
