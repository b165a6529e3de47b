"""listConnectors, createConnector, updateConnector, the descriptions of adapter fields, and the rules.

Answers carry sharedSecret, config.password and config.apiSecret unencrypted, as documented.
"""

import secrets
import string
from typing import Any

from provisioning.sandbox.adapters import Descriptor, descriptor_list, get_adapter
from provisioning.sandbox.error_responses import Code, field_refusal, unknown_entity
from provisioning.sandbox.models import ApiKey, Record
from provisioning.sandbox.records import (
    CONNECTOR,
    MERCHANT,
    JsonObject,
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

META = "MetaConnector"
KINDS = ("routingMetaConnector", "multiMethodMetaConnector")
_PREDEFINED = "not one of the predefined values"
_TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "select": str,
    "bool": bool,
    "boolean": bool,
}
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
    """Create a connector; shared secret and public integration key are generated if empty or absent."""
    validate_body("ConnectorCreate", body)
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    start = {"guid": new_guid(CONNECTOR), "createdAt": iso_now(), "merchantGuid": merchant.guid} | _DEFAULTS
    document = _apply_fields(start, body | {"sharedSecret": body.get("sharedSecret", "")})
    document["publicIntegrationKey"] = body.get("publicIntegrationKey") or new_integration_key()
    _check_kind(document)
    _check_rules(document, body)
    add_record(kind=CONNECTOR, parent=merchant.guid, document=document, unique_name=document["apiKey"])
    return {"success": True, "connector": document}


def update(key: ApiKey, body: JsonObject, connectorGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Change the sent fields: settings replace, config merges, an empty shared secret makes a new one."""
    validate_body("ConnectorUpdate", body)
    record = get_reachable(key, CONNECTOR, connectorGuid)
    before = get_document(record)
    if before["archived"] and body.get("disabled") is False:
        raise field_refusal(Code.NOT_APPLICABLE, ["disabled"], "an archived connector stays disabled")
    document = _apply_fields(before, body)
    document["publicIntegrationKey"] = document["publicIntegrationKey"] or new_integration_key()
    _check_kind(document, before)
    _check_rules(document, body)
    record.unique_name = document["apiKey"]
    save_record(record, document)
    return {"success": True, "connector": document}


def read_settings(key: ApiKey, adapterId: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Return the fields of config.extraData, in whichever of the published shapes the adapter has."""
    adapter = get_adapter(adapterId)
    if adapter is None:
        raise unknown_entity("Adapter", adapterId)
    return {"success": True, "baseConfig": adapter.base}


def read_vault_settings(key: ApiKey, adapterId: str, merchantGuid: str) -> JsonObject:  # noqa: N803 - as above
    """Return the fields of config.extraData and config.vault; {} where there are none."""
    answer = read_settings(key, adapterId)
    get_reachable(key, MERCHANT, merchantGuid)
    adapter = get_adapter(adapterId)
    return answer | {"vaultConfig": adapter.vault if adapter else {}}


def _apply_fields(document: JsonObject, body: JsonObject) -> JsonObject:
    """Return the document with the sent fields; maps without entries are written as []."""
    changed = document | {field: value for field, value in body.items() if field not in _BY_RULE}
    # config changes field by field, as the published update shows. extraData and vault in it replace as a
    # whole: their merge is not documented, and replacing is what every other map of the API does.
    config = document["config"] | body.get("config", {})
    config |= {name: config[name] or [] for name in ("extraData", "vault") if name in config}
    changed["config"] = config
    # `settings` replaces all, then addSettings adds or changes, then removeSettings takes away by key.
    settings = dict(body.get("settings", document["settings"]) or {})
    settings |= body.get("addSettings", {})
    removed = body.get("removeSettings", {})
    changed["settings"] = {name: value for name, value in settings.items() if name not in removed} or []
    for kind in KINDS:
        if kind in body:
            changed[kind] = document.get(kind, {}) | body[kind]
    if "terminals" in body:
        # They replace as a list. STAN and capture reference are taken and never shown again.
        changed["terminals"] = [
            {"terminalId": terminal.get("terminalId", ""), "disabled": terminal.get("disabled", False)}
            for terminal in body["terminals"]
        ]
    if "sharedSecret" in body:
        changed["sharedSecret"] = body["sharedSecret"] or new_shared_secret()
    return changed


_LETTERS = string.ascii_letters + string.digits


def new_shared_secret() -> str:
    """Return a generated shared secret: 30 letters and digits, as in the published examples."""
    return "".join(secrets.choice(_LETTERS) for _ in range(30))


def new_integration_key() -> str:
    """Return a generated public integration key: 20 letters and digits, as in the published examples."""
    return "".join(secrets.choice(_LETTERS) for _ in range(20))


def _check_kind(document: JsonObject, before: JsonObject | None = None) -> None:
    """Check that adapter, method and kind of meta-connector fit together; set isMetaConnector."""
    adapter = get_adapter(document["adapter"])
    if adapter is None:
        raise field_refusal(Code.RULE_BROKEN, ["adapter"], _PREDEFINED)
    if document["method"] not in adapter.methods:
        raise field_refusal(Code.RULE_BROKEN, ["method"], f"{_PREDEFINED} of this adapter")
    kinds = [kind for kind in KINDS if kind in document]
    if len(kinds) > 1:
        raise field_refusal(
            Code.NOT_APPLICABLE, [kinds[1]], "the connector is the other kind of meta-connector"
        )
    if kinds and document["adapter"] != META:
        raise field_refusal(Code.NOT_APPLICABLE, kinds, "only applicable to meta-connectors")
    if not kinds and document["adapter"] == META:
        text = "a meta-connector needs routingMetaConnector or multiMethodMetaConnector"
        raise field_refusal(Code.MANDATORY_MISSING, [KINDS[0]], text)
    document["isMetaConnector"] = bool(kinds)
    if before and before["isMetaConnector"] != document["isMetaConnector"]:
        raise field_refusal(
            Code.NOT_APPLICABLE, ["adapter"], "a regular connector cannot become a meta-connector"
        )


def _check_rules(document: JsonObject, body: JsonObject) -> None:
    """Check the API key, the adapter's fields and the default connector. Raises Refusal."""
    if "apiKey" in body and not body["apiKey"]:
        raise field_refusal(Code.RULE_BROKEN, ["apiKey"], "at least 1 character")
    if is_name_taken(CONNECTOR, document["apiKey"], document["guid"]):
        raise field_refusal(Code.RULE_BROKEN, ["apiKey"], "already in use")
    # Unknown fields are kept and required ones may be missing: the published examples do both.
    adapter = get_adapter(document["adapter"])
    config = body.get("config", {})
    for field, published in (("extraData", adapter.base), ("vault", adapter.vault)) if adapter else ():
        if isinstance(config.get(field), dict):
            _check_fields(descriptor_list(published), config[field], ("config", field))
    # The default connector of a routing meta-connector is an enabled regular one of the same merchant.
    target = body.get("routingMetaConnector", {}).get("defaultConnector")
    reason = find_connector_problem(target, document["merchantGuid"]) if target is not None else ""
    if reason:
        code = Code.UNKNOWN_ENTITY if reason == "does not exist" else Code.RULE_BROKEN
        raise field_refusal(code, ["routingMetaConnector", "defaultConnector"], reason)


def find_connector_problem(guid: str, merchant: str, usable_only: bool = True) -> str:
    """Return why rules of the merchant may not refer to a connector; empty when they may.

    Conditions may name disabled connectors (`usable_only=False`): they look back at past transactions.
    """
    record = Record.objects.filter(guid=guid, kind=CONNECTOR).first()
    if record is None:
        return "does not exist"
    found = get_document(record)
    reasons = {
        "belongs to another merchant": record.parent != merchant,
        "is a meta-connector": found["isMetaConnector"],
        "is archived": usable_only and found["archived"],
        "is disabled": usable_only and found["disabled"],
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _check_fields(descriptors: list[Descriptor], values: dict[str, Any], path: tuple[object, ...]) -> None:
    known = {descriptor["name"]: descriptor for descriptor in descriptors if "name" in descriptor}
    for name, value in values.items():
        if name in known:
            _check_field(known[name], value, (*path, name))


def _check_field(descriptor: Descriptor, value: object, path: tuple[object, ...]) -> None:
    """Check one value. null counts as not set, as on the 3-D Secure page. Raises Refusal."""
    if value is None:
        return
    kind, choices = descriptor.get("type", "object"), descriptor.get("enum")
    if kind in _TYPES and not isinstance(value, _TYPES[kind]):
        raise field_refusal(Code.REQUEST_INVALID, path, f"must be {'a choice' if kind == 'select' else kind}")
    if isinstance(choices, list) and value not in choices:
        raise field_refusal(Code.RULE_BROKEN, path, _PREDEFINED)
    if isinstance(value, dict):
        _check_fields(descriptor.get("properties", []), value, path)
    if isinstance(value, list) and "items" in descriptor:
        for index, item in enumerate(value):
            _check_field(descriptor["items"], item, (*path, index))
