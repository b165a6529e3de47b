"""Documented settings are known by their keys and the values that the documentation allows."""

import pytest

from provisioning import contract
from provisioning.contract.connector_settings import find_setting_problem, get_setting_note


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("Refund:ui-enabled", "refund:ui-enabled"),
        ("tx:expiration-minute", "tx:expiration-minutes"),
        ("tx-expiration-minutes", "tx:expiration-minutes"),
        ("no:such", ""),
    ],
)
def test_a_setting_that_is_not_documented_is_named_with_the_one_meant(key, meant):
    note = get_setting_note(key)
    assert f"“{key}” is not a documented setting" in note
    assert (f"Did you mean “{meant}”?" in note) if meant else ("mean" not in note)


def test_documented_settings_need_no_note():
    assert not any(map(get_setting_note, contract.schema("ConnectorSettings")["properties"]))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tx:expiration-minutes", "abc"), ("tx:expiration-minutes", 3), ("tx:expiration-minutes", "4"),
        ("tx:expiration-minutes", "5.0"), ("tx:expiration-minutes", -5), ("tx:expiration-minutes", True),
        ("tx:expiration-minutes", ""), ("refund:ui-enabled", "yes"), ("refund:ui-enabled", 2),
        ("batch-capture:time", "25:00"), ("email:sender-address", "nobody"),
        ("postback-queue:max-retries", "many"),
        ("processing:overwrite-customer-billing-country", "Austria"), ("redirect:type-for-html", "popup"),
        ("kount:init-scripts-automatically", "on"),
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_reported(key, value):
    assert key in find_setting_problem(key, value)


def test_what_is_documented_or_published_is_taken():
    for key, value in {
        "tx:expiration-minutes": 900, "refund:ui-enabled": "1", "batch-capture:time": "23:30", "no:such": "x",
        "email:sender-address": "a@example.org", "email:sender-name": "Anything",
        "postback-queue:max-retries": "0",
    }.items():  # fmt: skip
        assert find_setting_problem(key, value) == ""
    for operation in ("createConnector", "updateConnector"):
        bodies = [
            *contract.contract_examples(operation).values(),
            *contract.published_examples(operation).values(),
        ]
        for body in bodies:
            for key, value in {**body.get("settings", {}), **body.get("addSettings", {})}.items():
                assert find_setting_problem(key, value) == "", key
