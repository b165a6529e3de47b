"""The pages of connectors over real HTTP: secrets kept and never shown, settings without loss, refusals."""

import pytest
from django.urls import reverse

from portal.changes.models import Change
from portal.connectors.views import META_LABELS
from provisioning import contract, service
from tests.factories import connector_made, unique
from tests.portal.connectors.steps import (
    OF_ITS_OWN,
    REGULAR,
    SECRETS,
    create_url,
    edit,
    flat,
    landed,
    sent,
    stored,
    url_of,
    with_secrets,
)


@pytest.mark.parametrize("name", ["connectorCreateRegular", "connectorCreate3ds"])
def test_the_documented_bodies_are_stored_as_if_sent_directly(name, browser, connection, merchant):
    example = contract.contract_examples("createConnector")[name]
    guid = landed(browser.post(create_url(merchant), flat({**example, "apiKey": f"through-{unique()}"})))
    twin = connector_made(connection, merchant, **{**example, "apiKey": f"direct-{unique()}"})
    mine, direct = stored(connection, merchant, guid), stored(connection, merchant, twin.guid)
    mine["config"].setdefault("testMode", False)
    direct["config"] = {"testMode": False, **direct["config"]}
    for property_name in example:
        if property_name != "apiKey":
            assert mine[property_name] == direct[property_name], property_name
    assert {k: v for k, v in mine.items() if k not in OF_ITS_OWN} == {
        k: v for k, v in direct.items() if k not in OF_ITS_OWN
    }


def test_generated_secrets_are_offered_once_after_creation(browser, connection, merchant):
    data = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": f"key-{unique()}"}
    guid = landed(browser.post(create_url(merchant), {**data, "config.testMode": "on", "sharedSecret": ""}))
    now = stored(connection, merchant, guid)
    page = browser.get(reverse("connectors:page", args=["sandbox", guid]))
    assert "Show the generated secrets once" in page.content.decode()
    assert now["sharedSecret"] not in page.content.decode()
    change = Change.objects.get(object_guid=guid)
    assert not {"sharedSecret", "publicIntegrationKey"} & set(change.request["body"])
    shown = browser.post(reverse("changes:reveal", args=[change.pk]))
    assert now["sharedSecret"] in shown.content.decode()
    again = browser.get(reverse("connectors:page", args=["sandbox", guid]))
    assert "Show the generated secrets once" not in again.content.decode()


def test_secrets_are_nowhere_on_the_pages(browser, connection, merchant):
    connector = with_secrets(connection, merchant)
    for name in ("page", "edit", "history"):
        markup = browser.get(url_of(name, connector)).content.decode()
        assert [secret for secret in SECRETS if secret in markup] == []
    markup = browser.get(url_of("page", connector)).content.decode()
    assert "Stored, never shown" in markup
    assert "kount:api_key" in markup
    assert "Test mode" in markup


def test_blank_secrets_keep_what_is_stored_and_secret_settings_survive(browser, connection, merchant):
    connector = with_secrets(connection, merchant)
    settings = {"tx:expiration-minutes": 100}
    change = sent(browser, edit(browser, connector, description="New", settings=settings))
    body = change.request["body"]
    assert not {"sharedSecret", "config", "settings"} & set(body)
    now = stored(connection, merchant, connector.guid)
    assert now["sharedSecret"] == "canary-shared"
    assert now["config"]["password"] == "canary-password"
    assert now["config"]["vault"] == {"key": "canary-vault"}
    assert now["settings"] == {"kount:api_key": "canary-kount", "tx:expiration-minutes": 100}


def test_an_unchanged_edit_form_sends_nothing(browser, connection, merchant):
    connector = connector_made(connection, merchant, **{**REGULAR, "apiKey": f"key-{unique()}"})
    page = edit(browser, connector)
    assert page.status_code == 200
    assert page.context["unchanged"]


def test_the_documented_partial_update_is_stored_as_if_sent_directly(browser, connection, merchant):
    example = contract.contract_examples("updateConnector")["connectorUpdatePartial"]
    start = {**REGULAR, "apiKey": f"a-{unique()}"}
    mine = connector_made(connection, merchant, **start)
    twin = connector_made(connection, merchant, **{**start, "apiKey": f"b-{unique()}"})
    sent(browser, edit(browser, mine, **{**example, "apiKey": f"mine-{unique()}"}))
    service.perform(
        "connector.update",
        connection="sandbox",
        target=twin.guid,
        payload={**example, "apiKey": f"twin-{unique()}"},
    )
    left, right = (stored(connection, merchant, each.guid) for each in (mine, twin))
    for values in (left, right):
        for name in ("guid", "createdAt", "apiKey"):
            values.pop(name)
    assert left == right


def test_new_secrets_are_sent_and_masked_everywhere_else(browser, connection, merchant):
    connector = with_secrets(connection, merchant)
    secrets = {"sharedSecret": "canary-next", "config.vault": {"key": "canary-next-vault"}}
    change = sent(browser, edit(browser, connector, **secrets))
    now = stored(connection, merchant, connector.guid)
    assert (now["sharedSecret"], now["config"]["vault"]["key"]) == ("canary-next", "canary-next-vault")
    review = browser.get(reverse("changes:page", args=[change.pk])).content.decode()
    assert "canary-next" not in review + str(change.request) + str(change.typed) + str(change.before)


def test_a_duplicate_api_key_is_refused_on_its_field_without_echoing_secrets(browser, connection, merchant):
    taken = connector_made(connection, merchant).values["apiKey"]
    data = {
        "name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": taken,
        "config.password": "canary-password", "settings": '{"kount:api_key": "canary-kount"}',
        "terminals.0.terminalId": "T-1",
    }  # fmt: skip
    page = browser.post(create_url(merchant), data)
    markup = page.content.decode()
    assert page.status_code == 422
    assert "apiKey" in page.context["form"].errors
    assert "1002" in markup
    assert 'value="T-1"' in markup
    assert [secret for secret in SECRETS if secret in markup] == []
    assert [secret for secret in SECRETS if secret in str(Change.objects.latest("created_at").typed)] == []


def test_invalid_characters_are_refused_on_their_field(browser, merchant):
    data = {"name": "Card <b>", "adapter": "Simulator", "method": "Creditcard", "apiKey": f"key-{unique()}"}
    page = browser.post(create_url(merchant), data)
    assert page.status_code == 422
    assert "name" in page.context["form"].errors


def test_a_form_that_was_refused_can_be_gone_on_with_terminals_and_all(browser, connection, merchant):
    taken = connector_made(connection, merchant).values["apiKey"]
    data = {"name": "Card", "adapter": "Simulator", "method": "Creditcard", "apiKey": taken}
    browser.post(create_url(merchant), {**data, "terminals.0.terminalId": "T-77"})
    change = Change.objects.latest("created_at")
    page = browser.get(f"{create_url(merchant)}?change={change.pk}")
    assert 'value="T-77"' in page.content.decode()


def test_a_live_connector_says_so_loudly(browser, connection, merchant):
    connector = connector_made(connection, merchant, config={"testMode": False})
    assert "This connector is live" in browser.get(url_of("page", connector)).content.decode()
    assert "This connector is live" in browser.get(url_of("edit", connector)).content.decode()
    tested = connector_made(connection, merchant, config={"testMode": True})
    browser.get(reverse("connectors:list", args=["sandbox"]) + f"?merchant={merchant.guid}")
    assert "This connector is live" not in browser.get(url_of("edit", tested)).content.decode()


def test_disable_and_enable_go_through_a_review(browser, connection, merchant):
    connector = connector_made(connection, merchant)
    assert browser.post(url_of("disable", connector), {}).status_code == 422
    for name, disabled in (("disable", True), ("enable", False)):
        change = sent(browser, browser.post(url_of(name, connector), {"reason": "Maintenance"}))
        assert change.request["body"]["disabled"] is disabled
        assert stored(connection, merchant, connector.guid)["disabled"] is disabled


def test_a_meta_connector_is_shown_and_its_base_data_can_be_edited(browser, connection, merchant):
    target = connector_made(connection, merchant)
    meta = connector_made(
        connection, merchant, adapter="MetaConnector", method="MetaConnector",
        routingMetaConnector={"defaultConnector": target.guid},
    )  # fmt: skip
    markup = browser.get(url_of("page", meta)).content.decode()
    assert "Meta-connector" in markup
    assert target.guid in markup
    assert "rules can’t be edited yet" in markup
    assert "Its rules can’t be edited yet" in browser.get(url_of("edit", meta)).content.decode()
    change = sent(browser, edit(browser, meta, description="Card routing"))
    assert "routingMetaConnector" not in change.request["body"]


def test_the_properties_of_a_meta_connector_have_labels(browser, connection, merchant):
    names = [
        name
        for schema in ("RoutingMetaConnector", "MultiMethodMetaConnector")
        for name in contract.schema(schema)["properties"]
    ]
    assert set(names) == set(META_LABELS)
    meta = connector_made(
        connection, merchant, adapter="MetaConnector", method="MetaConnector",
        multiMethodMetaConnector={"defaultActionDisableConnector": False, "retries": 3, "expiry": 24},
    )  # fmt: skip
    markup = browser.get(url_of("page", meta)).content.decode()
    assert "<dt>Disabled if no rule applies</dt>" in markup and "defaultActionDisable" not in markup


def test_the_list_finds_and_filters_connectors_and_names_their_merchants(browser, connection, merchant):
    live = connector_made(connection, merchant, name=f"Live {unique()}")
    tested = connector_made(connection, merchant, name=f"Tested {unique()}", config={"testMode": True})
    browser.get(reverse("merchants:page", args=["sandbox", merchant.guid]))
    url = reverse("connectors:list", args=["sandbox"])
    everything = browser.get(f"{url}?merchant={merchant.guid}").content.decode()
    for words in (live.name, tested.name, merchant.name):
        assert words in everything
    only_live = browser.get(f"{url}?merchant={merchant.guid}&mode=live").content.decode()
    assert live.name in only_live
    assert tested.name not in only_live
    assert live.name not in browser.get(f"{url}?merchant={merchant.guid}&mode=test").content.decode()
    assert browser.post(url).status_code == 302


def test_a_connector_is_readable_from_the_index_when_the_gateway_is_away(browser, connection, merchant):
    connector = with_secrets(connection, merchant, terminals=[{"terminalId": "T-9", "disabled": True}])
    assert "T-9" in browser.get(url_of("page", connector)).content.decode()
    connection.base_url = "http://127.0.0.1:9/api/provisioning"
    connection.save()
    markup = browser.get(url_of("page", connector)).content.decode()
    assert "The gateway is unavailable" in markup
    assert "does not store these" in markup
    assert browser.get(url_of("edit", connector)).status_code in (502, 503)


def test_an_outsider_may_not_and_a_manager_may_only_read(client_of, outsider, manager, connection, merchant):
    connector = connector_made(connection, merchant)
    for name in ("page", "edit", "history", "disable"):
        assert client_of(outsider).get(url_of(name, connector)).status_code == 403
    assert client_of(manager).get(url_of("page", connector)).status_code == 200
    assert client_of(manager).get(url_of("edit", connector)).status_code == 403
    assert client_of(manager).post(create_url(merchant), {}).status_code == 403


def test_going_live_is_a_dangerous_change_that_needs_a_reason(browser, connection, merchant):
    connector = connector_made(connection, merchant, config={"testMode": True})
    response = edit(browser, connector, **{"config.testMode": None})
    change = Change.objects.latest("created_at")
    assert response.status_code == 302
    assert change.dangerous
    assert change.request["body"]["config"] == {"testMode": False}
    browser.post(reverse("changes:send", args=[change.pk]), {"reason": ""})
    change.refresh_from_db()
    assert change.state == "prepared"


def test_the_review_says_which_settings_come_and_go(browser, connection, merchant):
    settings = {"tx:expiration-minutes": 900, "refund:ui-enabled": 1}
    connector = connector_made(connection, merchant, settings=settings)
    edit(browser, connector, settings={"tx:expiration-minutes": 100})
    rows = {row["field"]: (row["old"], row["new"]) for row in Change.objects.latest("created_at").rows}
    assert rows["addSettings.tx:expiration-minutes"] == (900, 100)
    assert rows["removeSettings.refund:ui-enabled"] == (1, None)
