"""listConnectors, createConnector, updateConnector and the descriptions of adapter fields.

Answers carry sharedSecret, config.password and config.apiSecret unencrypted, as documented.
"""

from typing import Any

from provisioning.sandbox.adapters import adapter_named
from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.connector_rules import KINDS, config_check, kind_check, references_check
from provisioning.sandbox.connector_values import (
    merged_config,
    merged_settings,
    new_integration_key,
    new_shared_secret,
    shown_terminals,
)
from provisioning.sandbox.error_responses import Code, field_refusal, unknown_entity
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import (
    CONNECTOR,
    MERCHANT,
    document_of,
    iso_now,
    name_taken,
    new_guid,
    reachable,
    record_add,
    record_save,
    texts_of,
)
from provisioning.sandbox.validation import body_check

_DEFAULTS: JsonObject = {
    "archived": False,
    "disabled": False,
    "disabledTransactionTypes": [],
    "isMetaConnector": False,
    "postbackFormat": "inherit",
    "scheduleApiAvailable": False,
    "virtualTerminalAvailable": False,
    "config": {},
    "settings": [],
    "terminals": [],
}
# Written apart from the plain fields, each by its own rule.
_BY_RULE = ("config", "settings", "addSettings", "removeSettings", "terminals", "sharedSecret")


def listed(key: ApiKey, merchantGuid: str) -> str:  # noqa: N803 - the contract's name
    """Return all connectors of a merchant, with their secrets unencrypted."""
    merchant = reachable(key, MERCHANT, merchantGuid)
    return f'{{"success":true,"connectors":{texts_of(CONNECTOR, merchant.guid)}}}'


def create(key: ApiKey, body: JsonObject, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """A new connector; shared secret and public integration key are generated when empty or absent."""
    body_check("ConnectorCreate", body)
    merchant = reachable(key, MERCHANT, merchantGuid)
    start = {"guid": new_guid(CONNECTOR), "createdAt": iso_now(), "merchantGuid": merchant.guid} | _DEFAULTS
    document = _changed(start, body | {"sharedSecret": body.get("sharedSecret", "")})
    document["publicIntegrationKey"] = body.get("publicIntegrationKey") or new_integration_key()
    kind_check(document, body)
    _checks(document, body)
    record_add(kind=CONNECTOR, parent=merchant.guid, document=document, unique_name=document["apiKey"])
    return {"success": True, "connector": document}


def update(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Change the sent fields: settings replace, config merges, an empty shared secret makes a new one."""
    body_check("ConnectorUpdate", body)
    record = reachable(key, CONNECTOR, connectorGuid)
    before = document_of(record)
    if before["archived"] and body.get("disabled") is False:
        raise field_refusal(Code.NOT_APPLICABLE, ["disabled"], "an archived connector stays disabled")
    document = _changed(before, body)
    document["publicIntegrationKey"] = document["publicIntegrationKey"] or new_integration_key()
    kind_check(document, body, before)
    _checks(document, body)
    record.unique_name = document["apiKey"]
    record_save(record, document)
    return {"success": True, "connector": document}


def settings_read(key: ApiKey, adapterId: str) -> JsonObject:  # noqa: N803 - the contract's name
    """The fields of config.extraData, in whichever of the published shapes the adapter has."""
    adapter = adapter_named(adapterId)
    if adapter is None:
        raise unknown_entity("Adapter", adapterId)
    return {"success": True, "baseConfig": adapter.base}


def vault_settings_read(key: ApiKey, adapterId: str, merchantGuid: str) -> JsonObject:  # noqa: N803 - as above
    """The fields of config.extraData and config.vault; {} where there are none."""
    answer = settings_read(key, adapterId)
    reachable(key, MERCHANT, merchantGuid)
    adapter = adapter_named(adapterId)
    return answer | {"vaultConfig": adapter.vault if adapter else {}}


def _changed(document: JsonObject, body: JsonObject) -> JsonObject:
    changed = document | {field: value for field, value in body.items() if field not in _BY_RULE}
    changed["config"] = merged_config(document["config"], body.get("config", {}))
    changed["settings"] = merged_settings(document["settings"], body)
    for kind in KINDS:
        if kind in body:
            changed[kind] = document.get(kind, {}) | body[kind]
    if "terminals" in body:
        changed["terminals"] = shown_terminals(body["terminals"])
    if "sharedSecret" in body:
        changed["sharedSecret"] = body["sharedSecret"] or new_shared_secret()
    return changed


def _checks(document: dict[str, Any], body: JsonObject) -> None:
    if "apiKey" in body and not body["apiKey"]:
        raise field_refusal(Code.RULE_BROKEN, ["apiKey"], "at least 1 character")
    if name_taken(CONNECTOR, document["apiKey"], document["guid"]):
        raise field_refusal(Code.RULE_BROKEN, ["apiKey"], "already in use")
    config_check(document, body)
    references_check(document, body)
