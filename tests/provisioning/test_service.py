"""The portal's only door, against the embedded gateway."""

import pytest

from provisioning import service
from provisioning.credentials.credential_lifecycle import add_credential, replace_credential
from provisioning.credentials.models import Credential

pytestmark = pytest.mark.django_db

MERCHANT = {"name": "Rosa's Flowers", "homepage": "https://rosa.example.org", "timezone": "UTC"}


def test_a_merchant_is_created_listed_and_read(connection, gateway):
    made = service.perform(
        "merchant.create", connection="sandbox", target=gateway.own_tenant, payload=MERCHANT
    )
    assert isinstance(made, service.Accepted), made
    assert made.entity.name == "Rosa's Flowers" and made.entity.parent == gateway.own_tenant
    assert made.http_status == 200 and made.duration_ms >= 0
    listed = service.list_entities(connection="sandbox", kind="merchant", parent=gateway.own_tenant)
    assert made.entity.guid in {merchant.guid for merchant in listed}
    read = service.read_entity(
        connection="sandbox", kind="merchant", parent=gateway.own_tenant, guid=made.entity.guid
    )
    assert dict(read.values) == dict(made.entity.values)


def test_the_own_tenant_comes_first_and_the_sub_tenants_follow(connection, gateway):
    own, *others = service.list_entities(connection="sandbox", kind="tenant")
    assert own.guid == gateway.own_tenant and own.values["own"] is True and own.name == "Sandbox"
    assert others and all("own" not in tenant.values for tenant in others)


def test_updating_a_tenant_picks_it_from_the_list_the_gateway_answers_with(connection):
    tenant = service.list_entities(connection="sandbox", kind="tenant")[1]
    done = service.perform(
        "tenant.update", connection="sandbox", target=tenant.guid, payload={"name": "Tenant renamed"}
    )
    assert isinstance(done, service.Accepted), done
    assert done.entity.guid == tenant.guid and done.entity.name == "Tenant renamed"
    read = service.read_entity(connection="sandbox", kind="tenant", parent="", guid=tenant.guid)
    assert read.name == "Tenant renamed"


def test_an_entity_that_is_not_listed_is_not_found(connection, gateway):
    with pytest.raises(service.EntityNotFound):
        service.read_entity(connection="sandbox", kind="merchant", parent=gateway.own_tenant, guid="ME-none")


def test_the_gateways_refusal_comes_back_with_code_and_explanation(connection):
    refused = service.perform("merchant.create", connection="sandbox", target="TE-none", payload=MERCHANT)
    assert isinstance(refused, service.EntityNotFound)
    assert refused.code == 1007 and refused.http_status == 422 and str(refused)


def test_a_wrong_credential_is_refused_and_recorded(connection):
    replace_credential(connection=connection, api_key="somebody", password="something", by="tests")
    with pytest.raises(service.NotAuthorised):
        service.list_entities(connection="sandbox", kind="tenant")
    active = Credential.objects.get(state="active")
    assert active.last_failure_at and not active.last_success_at
    assert active.suspect_since and active.suspect_words == "Unauthorized"


def test_the_use_of_a_credential_is_recorded_once_a_minute(connection, django_assert_num_queries):
    service.read_document("routing.constraints", connection="sandbox")
    assert Credential.objects.get(state="active").last_success_at
    with django_assert_num_queries(1):
        service.read_document("routing.constraints", connection="sandbox")


def test_a_probe_tells_a_good_credential_from_a_bad_one_and_notes_nothing(connection, gateway):
    def entered(password):
        return add_credential(connection=connection, api_key=gateway.api_key, password=password, by="tests")

    service.probe_credential(credential=entered(gateway.password))
    with pytest.raises(service.NotAuthorised):
        service.probe_credential(credential=entered("wrong"))
    assert not Credential.objects.exclude(last_success_at=None, last_failure_at=None).exists()
    assert not Credential.objects.filter(suspect_since__isnull=False).exists()


def test_a_probe_finds_a_key_that_does_not_see_the_connections_tenant(connection, gateway):
    foreign = gateway.key_created("--tenant", "TE-9000-0000-0000-0000-0000-0009")
    entered = add_credential(
        connection=connection, api_key=foreign["apiKey"], password=foreign["password"], by="tests"
    )
    with pytest.raises(service.EntityNotFound):
        service.probe_credential(credential=entered)


def test_a_paused_connection_reads_and_does_not_write(connection, gateway):
    connection.is_paused = True
    connection.save()
    assert service.list_entities(connection="sandbox", kind="tenant")
    outcome = service.perform(
        "merchant.create", connection="sandbox", target=gateway.own_tenant, payload=MERCHANT
    )
    assert isinstance(outcome, service.NotSent)
    assert "read-only" in str(outcome)


def test_a_payload_outside_the_contract_is_not_sent(connection, gateway):
    for payload, field in (
        ({**MERCHANT, "isPciEnabled": "yes"}, "isPciEnabled"),
        ({**MERCHANT, "colour": "red"}, "colour"),
        ({"homepage": "https://rosa.example.org", "timezone": "UTC"}, "name"),
        ({**MERCHANT, "country": "Austria"}, "country"),
    ):
        outcome = service.perform(
            "merchant.create", connection="sandbox", target=gateway.own_tenant, payload=payload
        )
        assert isinstance(outcome, service.NotSent), payload
        assert outcome.field == field and str(outcome).endswith("Nothing was sent.")


def test_a_payload_too_deep_to_check_is_not_sent(connection):
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}
    payload = {"config": {"extraData": deep}}
    outcome = service.perform("connector.update", connection="sandbox", target="CO-1", payload=payload)
    assert isinstance(outcome, service.NotSent)


def test_a_number_beyond_its_limit_is_named_with_the_limit(connection):
    payload = {"multiMethodMetaConnector": {"retries": 99}}
    outcome = service.perform("connector.update", connection="sandbox", target="CO-1", payload=payload)
    assert isinstance(outcome, service.NotSent)
    assert outcome.field == "multiMethodMetaConnector.retries" and "9" in str(outcome)


def test_adapter_settings_come_as_published(connection):
    settings = service.read_adapter_settings(connection="sandbox", adapter="Simulator")
    assert set(settings) == {"baseConfig"}


def test_connector_secrets_are_sealed_from_creation_to_list(connection, gateway):
    merchant = service.list_entities(connection="sandbox", kind="merchant", parent=gateway.own_tenant)[0]
    payload = {
        "name": "Canary connector",
        "adapter": "Simulator",
        "method": "Creditcard",
        "apiKey": "canary-connector",
        "config": {"password": service.Sealed("canary-password"), "username": "u"},
    }
    made = service.perform("connector.create", connection="sandbox", target=merchant.guid, payload=payload)
    assert isinstance(made, service.Accepted), made
    assert made.entity.values["config"]["password"].reveal() == "canary-password"
    assert isinstance(made.entity.values["sharedSecret"], service.Sealed)
    assert "canary-password" not in repr(made)
    listed = service.list_entities(connection="sandbox", kind="connector", parent=merchant.guid)
    assert "canary-password" not in repr(listed)
    users = service.list_entities(connection="sandbox", kind="merchant_user", parent=merchant.guid)
    assert all(user.parent == merchant.guid for user in users)


def test_a_preview_shows_the_exact_request_with_secrets_masked(connection, gateway):
    preview = service.preview_request(
        "connector.update",
        connection="sandbox",
        target="CO-1",
        payload={"name": "New", "config": {"password": "canary", "unknown": "canary", "testMode": True}},
    )
    assert preview == {
        "method": "POST",
        "url": f"{gateway.base_url}/updateConnector/CO-1",
        "body": {
            "name": "New",
            "config": {"password": service.mask(service.Sealed("x")), "unknown": "••••••", "testMode": True},
        },
    }


def test_reads_and_writes_are_not_mistaken_for_each_other(connection):
    with pytest.raises(ValueError, match="not a write"):
        service.perform("merchant.list", connection="sandbox", target="TE-1", payload={})
    with pytest.raises(ValueError, match="is a write"):
        service.read_document("merchant.create", connection="sandbox", target="TE-1")
    with pytest.raises(KeyError):
        service.perform("merchant.destroy", connection="sandbox", target="TE-1", payload={})


def test_a_failure_before_sending_is_reported_as_not_sent(connection, settings):
    def outcome(slug="sandbox", target="ME-1"):
        return service.perform("merchant.update", connection=slug, target=target, payload={"name": "Rosa"})

    for target in ("", ".", "..", "a/b", "a%2fb", "a b", "a\n", "a?b", "x" * 201):
        assert isinstance(outcome(target=target), service.NotSent), target
    assert isinstance(outcome("nowhere"), service.NotSent)
    connection.is_paused = True
    connection.save()
    assert "paused" in str(outcome())
    connection.is_paused, connection.base_url = False, "http://gateway.example.org"
    connection.save()
    assert "https://" in str(outcome())
    with pytest.raises(service.NotSent):
        service.preview_request("merchant.update", connection="nowhere", target="ME-1", payload={})
