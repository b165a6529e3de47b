"""What a PayloadForm says about emptied values, and what it sends instead of overwriting lists."""

from django import forms

from portal.core.forms import PayloadForm


class _TenantForm(PayloadForm):
    schema = "TenantUpdate"
    name = forms.CharField(required=False)
    defaultCurrency = forms.CharField(required=False)  # noqa: N815


class _ConnectorForm(PayloadForm):
    schema = "ConnectorUpdate"
    by_difference = frozenset({"description"})
    name = forms.CharField()
    description = forms.CharField(required=False)

    def partner_changes(self, current):
        return {"addSettings": {"said": 1}} if self.cleaned_data["description"] else {}


class _CreateForm(PayloadForm):
    schema = "MerchantUserCreate"
    email = forms.EmailField(required=False)


def test_a_stored_value_that_may_not_be_empty_cannot_be_emptied_by_an_update():
    form = _TenantForm({"name": "", "defaultCurrency": ""}, initial={"name": "A", "defaultCurrency": "EUR"})
    assert "cannot empty" in str(form.errors["defaultCurrency"])


def test_what_was_never_set_may_stay_empty():
    assert _TenantForm({"name": "", "defaultCurrency": ""}, initial={"defaultCurrency": ""}).is_valid()


def test_a_create_may_leave_suggestions_out():
    assert _CreateForm({"email": ""}, initial={"email": "a@example.org"}).is_valid()


def test_fields_by_difference_send_their_partners_and_what_the_contract_asks_for():
    stored = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": "key"}
    form = _ConnectorForm({"name": "Card", "description": "new"})
    assert form.is_valid()
    assert form.changes_from(stored) == {**stored, "addSettings": {"said": 1}}
    unchanged = _ConnectorForm({"name": "Card", "description": ""})
    assert unchanged.is_valid()
    assert unchanged.changes_from(stored) == {}
