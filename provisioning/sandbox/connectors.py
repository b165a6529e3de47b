"""listConnectors, createConnector, updateConnector and the descriptions of adapter fields.

Answers carry sharedSecret, config.password and config.apiSecret unencrypted, as documented.
"""

import secrets
import string
from typing import Any

from provisioning.sandbox.adapters import get_adapter
from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.connector_rules import KINDS, check_config, check_kind, check_references
from provisioning.sandbox.error_responses import Code, field_refusal, unknown_entity
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import (
    CONNECTOR,
    MERCHANT,
    add_record,
    get_document,
    get_reachable,
    get_texts,
    is_name_taken,
    iso_now,
    new_guid,
    save_record,
)
from provisioning.sandbox.validation import validate_body

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


def list_connectors(key: ApiKey, merchantGuid: str) -> str:  # noqa: N803 - the contract's name
    """Return all connectors of a merchant, with their secrets unencrypted."""
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    return f'{{"success":true,"connectors":{get_texts(CONNECTOR, merchant.guid)}}}'


def create(key: ApiKey, body: JsonObject, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """A new connector; shared secret and public integration key are generated when empty or absent."""
    validate_body("ConnectorCreate", body)
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    start = {"guid": new_guid(CONNECTOR), "createdAt": iso_now(), "merchantGuid": merchant.guid} | _DEFAULTS
    document = _changed(start, body | {"sharedSecret": body.get("sharedSecret", "")})
    document["publicIntegrationKey"] = body.get("publicIntegrationKey") or new_integration_key()
    check_kind(document, body)
    _checks(document, body)
    add_record(kind=CONNECTOR, parent=merchant.guid, document=document, unique_name=document["apiKey"])
    return {"success": True, "connector": document}


def update(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Change the sent fields: settings replace, config merges, an empty shared secret makes a new one."""
    validate_body("ConnectorUpdate", body)
    record = get_reachable(key, CONNECTOR, connectorGuid)
    before = get_document(record)
    if before["archived"] and body.get("disabled") is False:
        raise field_refusal(Code.NOT_APPLICABLE, ["disabled"], "an archived connector stays disabled")
    document = _changed(before, body)
    document["publicIntegrationKey"] = document["publicIntegrationKey"] or new_integration_key()
    check_kind(document, body, before)
    _checks(document, body)
    record.unique_name = document["apiKey"]
    save_record(record, document)
    return {"success": True, "connector": document}


def read_settings(key: ApiKey, adapterId: str) -> JsonObject:  # noqa: N803 - the contract's name
    """The fields of config.extraData, in whichever of the published shapes the adapter has."""
    adapter = get_adapter(adapterId)
    if adapter is None:
        raise unknown_entity("Adapter", adapterId)
    return {"success": True, "baseConfig": adapter.base}


def read_vault_settings(key: ApiKey, adapterId: str, merchantGuid: str) -> JsonObject:  # noqa: N803 - as above
    """The fields of config.extraData and config.vault; {} where there are none."""
    answer = read_settings(key, adapterId)
    get_reachable(key, MERCHANT, merchantGuid)
    adapter = get_adapter(adapterId)
    return answer | {"vaultConfig": adapter.vault if adapter else {}}


def _changed(document: JsonObject, body: JsonObject) -> JsonObject:
    changed = document | {field: value for field, value in body.items() if field not in _BY_RULE}
    changed["config"] = merge_config(document["config"], body.get("config", {}))
    changed["settings"] = merge_settings(document["settings"], body)
    for kind in KINDS:
        if kind in body:
            changed[kind] = document.get(kind, {}) | body[kind]
    if "terminals" in body:
        changed["terminals"] = format_terminals(body["terminals"])
    if "sharedSecret" in body:
        changed["sharedSecret"] = body["sharedSecret"] or new_shared_secret()
    return changed


def _checks(document: dict[str, Any], body: JsonObject) -> None:
    if "apiKey" in body and not body["apiKey"]:
        raise field_refusal(Code.RULE_BROKEN, ["apiKey"], "at least 1 character")
    if is_name_taken(CONNECTOR, document["apiKey"], document["guid"]):
        raise field_refusal(Code.RULE_BROKEN, ["apiKey"], "already in use")
    check_config(document, body)
    check_references(document, body)


_LETTERS = string.ascii_letters + string.digits


def new_shared_secret() -> str:
    """A generated shared secret: 30 letters and digits, as in the published examples."""
    return "".join(secrets.choice(_LETTERS) for _ in range(30))


def new_integration_key() -> str:
    """A generated public integration key: 20 letters and digits, as in the published examples."""
    return "".join(secrets.choice(_LETTERS) for _ in range(20))


def merge_config(stored: JsonObject, sent: JsonObject) -> JsonObject:
    """Field by field, as the published update shows. extraData and vault replace as a whole: their merge
    is not documented, and replacing is what every other map of the API does. Empty maps become []."""
    merged = stored | sent
    for field in ("extraData", "vault"):
        if field in merged:
            merged[field] = merged[field] or []
    return merged


def merge_settings(stored: JsonObject | list[object], body: JsonObject) -> JsonObject | list[object]:
    """`settings` replaces all, then addSettings adds or changes, then removeSettings takes away by key."""
    settings = dict(body.get("settings", stored) or {})
    settings |= body.get("addSettings", {})
    kept = {name: value for name, value in settings.items() if name not in body.get("removeSettings", {})}
    return kept or []


def format_terminals(sent: list[JsonObject]) -> list[JsonObject]:
    """Terminals replace as a list. STAN and capture reference are taken and never shown again."""
    return [
        {"terminalId": terminal.get("terminalId", ""), "disabled": terminal.get("disabled", False)}
        for terminal in sent
    ]
