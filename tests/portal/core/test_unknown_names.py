"""A posted name that is no field of the form is refused, not dropped: a script would believe it was sent."""

import pytest
from django.http import QueryDict

from portal.connectors.forms import ConnectorCreateForm, ConnectorEditForm
from portal.merchant_users.forms import MerchantUserCreateForm, MerchantUserEditForm

CONNECTOR = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": "key-1"}
API_USER = {"type": "api", "username": "machine", "password": "Example-Passw0rd!"}


def refusals(form_class, body, **initial):
    """What the form says about itself as a whole."""
    data = QueryDict(mutable=True)
    data.update(body)
    return form_class(data=data, initial=initial).non_field_errors()


def test_an_unknown_name_is_refused_by_name():
    assert refusals(ConnectorCreateForm, CONNECTOR | {"colour": "red"}) == [
        "Unknown field “colour”. Nothing was sent."
    ]


def test_errors_name_a_nested_property_in_full():
    (words,) = refusals(ConnectorCreateForm, CONNECTOR | {"username": "shop"})
    assert "Did you mean “config.username”?" in words


def test_a_property_that_is_left_out_says_why():
    (words,) = refusals(ConnectorEditForm, CONNECTOR | {"addSettings": "{}"})
    assert "Worked out from the settings added or changed." in words


def test_a_property_of_the_other_type_of_user_is_refused_as_the_gateway_would():
    (words,) = refusals(MerchantUserCreateForm, API_USER | {"permissions": "frontend.blacklist.show"})
    assert words == "The field “permissions” does not apply here. Nothing was sent."


def test_an_endless_list_of_unknown_names_is_cut_short():
    words = refusals(ConnectorCreateForm, CONNECTOR | {f"x{number}" * 50: "1" for number in range(100)})
    assert len(words) == 5
    assert max(map(len, words)) < 200


@pytest.mark.parametrize(
    "harmless",
    [
        {"csrfmiddlewaretoken": "t", "submission": "s", "again": "1"},
        {"colour": "  "},
        {"terminals.0.terminalId": "T-1", "terminals.0.disabled": "on"},
    ],
)
def test_what_the_page_itself_sends_and_blanks_are_no_strangers(harmless):
    assert refusals(ConnectorCreateForm, CONNECTOR | harmless) == []


@pytest.mark.parametrize("name", ["terminals.0.colour", "terminals.__index__.stan", "settings.tx:x"])
def test_names_within_a_field_must_be_names_of_its_own(name):
    assert len(refusals(ConnectorCreateForm, CONNECTOR | {name: "1"})) == 1


def test_a_left_out_property_with_the_value_it_has_anyway_passes():
    body = {"username": "ana.web", "email": "a@example.org", "type": "web"}
    assert refusals(MerchantUserEditForm, body, type="web") == []
    assert len(refusals(MerchantUserEditForm, body, type="api")) == 1
