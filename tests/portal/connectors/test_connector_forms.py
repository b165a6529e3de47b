"""The forms of connectors against the contract: bodies, secrets, settings, terminals."""

import json

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string

from portal.connectors.forms import ConnectorCreateForm, ConnectorEditForm
from portal.core.forms import look_up
from provisioning import contract
from provisioning.entities import Connector
from provisioning.gateway.secrets import MASK, Sealed, mask, reveal_all, seal_paths
from tests.contract_forms import form_follows_contract

REGULAR = contract.contract_examples("createConnector")["connectorCreateRegular"]
BARE = {"name": "Shop", "adapter": "Simulator", "method": "Creditcard", "apiKey": "shop"}
JSON_FIELDS = ("settings", "config.extraData", "config.vault")


def stored(**changes):
    """A connector's values as the portal reads them."""
    answer = json.loads(json.dumps({**REGULAR, "guid": "CO-1", **changes}))
    seal_paths(answer, contract.secret_paths("Connector"))
    return Connector.from_answer(answer).values


def posted(body):
    """A body as a browser posts it."""
    data = QueryDict(mutable=True)

    def put(name, value):
        if name in JSON_FIELDS:
            data[name] = json.dumps(value)
        elif name == "terminals":
            for number, row in enumerate(value):
                for key, item in row.items():
                    put(f"terminals.{number}.{key}", item)
        elif isinstance(value, dict):
            for key, item in value.items():
                put(f"{name}.{key}", item)
        elif isinstance(value, list):
            data.setlist(name, value)
        elif value is not False:
            data[name] = "on" if value is True else value

    for name, value in body.items():
        put(name, value)
    return data


def created(body):
    form = ConnectorCreateForm(posted(body))
    assert form.is_valid(), form.errors
    return reveal_all(form.payload())


def edit_form(values, **changes):
    """The bound edit form of a connector in which a person changed some fields."""
    initial = ConnectorEditForm.initial_from(values)
    shown = {name: value for name, value in initial.items() if value is not None}
    shown["settings"] = {
        key: value for key, value in (shown.get("settings") or {}).items() if not isinstance(value, Sealed)
    }
    return ConnectorEditForm(posted({**shown, **changes}), initial=initial)


def edited(values, **changes):
    form = edit_form(values, **changes)
    assert form.is_valid(), form.errors
    return reveal_all(form.changes_from(values))


@pytest.mark.parametrize("form_class", [ConnectorCreateForm, ConnectorEditForm])
def test_the_forms_follow_the_contract(form_class):
    assert form_follows_contract(form_class) == []


@pytest.mark.parametrize("name", ["connectorCreateRegular", "connectorCreate3ds"])
def test_the_documented_bodies_of_regular_connectors_pass_through_the_form(name):
    example = contract.contract_examples("createConnector")[name]
    body = created(example)
    added = {
        path
        for path in ("disabled", "scheduleApiAvailable", "virtualTerminalAvailable")
        if path not in example
    }
    assert {key: value for key, value in body.items() if key not in (*added, "config")} == {
        key: value for key, value in example.items() if key != "config"
    }
    assert body["config"] == {"testMode": False, **example["config"]}
    assert all(body[path] is False for path in added)
    assert not list(contract.validator("ConnectorCreate").iter_errors(body))


def test_secrets_are_sealed_and_blank_ones_are_not_sent():
    form = ConnectorCreateForm(
        posted({**REGULAR, "settings": {"kount:api_key": "canary-key", "x": 1, "tx:expiration-minutes": 5}})
    )
    assert form.is_valid()
    assert "canary-key" not in str(form["settings"])
    masked = mask(form.payload())
    assert masked["sharedSecret"] == MASK
    assert masked["config"]["vault"] == masked["config"]["extraData"] == masked["config"]["password"] == MASK
    assert masked["settings"] == {"kount:api_key": MASK, "x": MASK, "tx:expiration-minutes": 5}
    assert {"sharedSecret", "publicIntegrationKey"} & set(created({**BARE, "sharedSecret": ""})) == set()


def test_a_new_connector_is_offered_in_test_mode():
    assert ConnectorCreateForm().initial["config.testMode"] is True


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("apiKey", "with blank", "spaces"),
        ("apiKey", "x" * 51, "50"),
        ("sharedSecret", "x" * 51, "50"),
        ("name", "ab", "3"),
        ("customerProfileContainer", "1.5", "whole"),
        ("defaultRiskRuleSet", str(2**63), "less"),
        ("provider", "P" * 41, "40"),
    ],
)
def test_bounds_are_checked_before_sending(field, value, word):
    form = ConnectorCreateForm(posted({**BARE, field: value}))
    assert word in str(form.errors[field])


@pytest.mark.parametrize("text", ["no json", "[1]", '{"a": NaN}', "[" * 5000, '{"a": {"b": 1}}'])
def test_settings_that_are_no_map_of_plain_values_are_refused(text):
    data = posted(BARE)
    data["settings"] = text
    assert "settings" in ConnectorCreateForm(data).errors


def test_an_error_in_a_json_object_names_the_place_and_never_the_value():
    data = posted(BARE)
    data["config.vault"] = '{"threeDV2Config": {"enabled": "canary-value"}}'
    message = str(ConnectorCreateForm(data).errors["config.vault"])
    assert "threeDV2Config.enabled" in message
    assert "canary-value" not in message


def test_terminals_come_as_rows_and_empty_rows_are_dropped():
    rows = [{"terminalId": "T1", "stan": "5"}, {"terminalId": ""}, {"terminalId": "T2", "disabled": True}]
    assert created({**BARE, "terminals": rows})["terminals"] == [
        {"terminalId": "T1", "stan": "5", "disabled": False},
        {"terminalId": "T2", "disabled": True},
    ]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([{"terminalId": "", "stan": "1"}], "needs an ID"),
        ([{"terminalId": "T1"}, {"terminalId": "T1"}], "once"),
        ([{"terminalId": f"T{number}"} for number in range(201)], "at most"),
    ],
)
def test_wrong_terminal_rows_are_refused(rows, word):
    form = ConnectorCreateForm(posted({**BARE, "terminals": rows}))
    assert word in str(form.errors["terminals"])


def test_opening_and_sending_an_edit_form_unchanged_sends_nothing():
    assert edited(stored()) == {}
    assert edited(stored(settings={"kount:api_key": "canary", "x": 1})) == {}
    assert edited(stored(settings={"kount:api_key": "canary", "tx:expiration-minutes": 5})) == {}


def test_secrets_never_come_into_an_edit_form():
    initial = ConnectorEditForm.initial_from(stored())
    assert not {
        "sharedSecret",
        "config.password",
        "config.apiSecret",
        "config.vault",
        "config.extraData",
    } & set(initial)
    settings = {"kount:api_key": "canary", "acme:undocumented": 4711, "tx:expiration-minutes": 5}
    drawn = ConnectorEditForm(initial=ConnectorEditForm.initial_from(stored(settings=settings)))
    assert "canary" not in str(drawn["settings"]) and "4711" not in str(drawn["settings"])
    assert "&quot;tx:expiration-minutes&quot;: 5" in str(drawn["settings"])


def test_an_edit_form_says_which_secrets_are_kept():
    values = stored(config={"password": "pw"})
    form = edit_form(values)
    form.mark_kept(values)
    assert form.fields["config.password"].kept
    assert not form.fields["config.apiSecret"].kept


def test_a_typed_secret_is_sent_unless_it_is_the_stored_one():
    body = edited(stored(), **{"sharedSecret": "fresh", "config.password": "pw"})
    assert body == {
        "sharedSecret": "fresh",
        **{key: REGULAR[key] for key in ("name", "adapter", "method", "apiKey")},
    }


def test_settings_are_sent_as_differences():
    body = edited(stored(), settings={"tx:expiration-minutes": "900"})
    assert body["addSettings"] == {"tx:expiration-minutes": "900"}
    assert body["removeSettings"] == {"refund:ui-enabled": 1}
    assert "settings" not in body


def test_a_stored_secret_setting_survives_an_edit_and_a_typed_one_replaces_it():
    values = stored(settings={"kount:api_key": "canary", "x": 1})
    assert "removeSettings" not in edited(values, settings={"x": 2})
    form = edit_form(values, settings={"x": 1, "kount:api_key": "next"})
    assert form.is_valid()
    assert mask(form.changes_from(values))["addSettings"] == {"kount:api_key": MASK}
    assert edited(values, settings={"x": 1, "kount:api_key": "canary"}) == {}


def test_the_documented_partial_update_is_expressible():
    example = dict(contract.contract_examples("updateConnector")["connectorUpdatePartial"])
    settings = example.pop("settings")
    changes = {key: value for key, value in example.items() if key != "config"}
    config = {f"config.{key}": value for key, value in example["config"].items()}
    body = edited(stored(), **changes, **config, settings=settings)
    assert body["addSettings"] == settings
    assert body["removeSettings"] == {"refund:ui-enabled": 1}
    for key in ("name", "apiKey", "disabledTransactionTypes", "config"):
        assert body[key] == example[key]
    assert not list(contract.validator("ConnectorUpdate").iter_errors(body))


def test_terminals_are_sent_when_they_differ_or_a_hidden_property_is_set():
    values = stored()
    assert edited(values, terminals=[])["terminals"] == []
    assert edited(values, terminals=[{"terminalId": "ID-0001", "stan": "7"}])["terminals"] == [
        {"terminalId": "ID-0001", "stan": "7", "disabled": False}
    ]


def test_going_live_is_sent_as_test_mode_off():
    values = stored(config={"testMode": True})
    body = edited(values, **{"config.testMode": False})
    assert look_up(body, "config.testMode") is False


def test_stored_values_that_the_lists_do_not_know_stay():
    values = stored(postbackFormat="json", disabledTransactionTypes=["refund", "newtype"])
    assert edited(values) == {}


def test_the_integration_key_cannot_be_emptied():
    assert "publicIntegrationKey" in edit_form(stored(), publicIntegrationKey="").errors


def test_known_adapters_are_suggested_beside_those_of_the_contract():
    form = ConnectorCreateForm()
    form.suggest(adapters=["Zeta", "Simulator", ""], methods=[])
    assert form.fields["adapter"].widget.suggestions == ("Simulator", "SimulatorPci", "Zeta")
    assert '<option value="Zeta">' in str(form["adapter"])
    assert form.fields["method"].widget.suggestions == ("Creditcard", "DirectDebit", "Paypal")


def test_terminal_rows_are_drawn_with_spare_ones():
    markup = str(edit_form(stored())["terminals"])
    assert 'name="terminals.0.terminalId"' in markup
    assert 'name="terminals.2.terminalId"' in markup
    assert 'value="ID-0001"' in markup
    assert "__index__" in markup


def test_a_long_secret_has_room_and_is_not_drawn_again():
    form = ConnectorCreateForm(posted({**BARE, "config.vault": {"key": "canary-vault"}, "apiKey": ""}))
    markup = render_to_string("partials/form_sections.html", {"form": form})
    assert '<textarea name="config.vault"' in markup
    assert "canary-vault" not in markup
