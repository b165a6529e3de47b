"""Rewrites answers the way a newer gateway, or the published examples, would write them. Used by faults."""

import json
from collections.abc import Callable
from typing import Any

# Values and properties that no page lists. Readers must keep them (/api/forward-compatibility).
FUTURE_TRANSACTION_TYPE = "incremental_authorization"
FUTURE_PERMISSION = "frontend.disputes.show"
FUTURE_SETTING = "tx:future-option"
_FUTURE_LISTS = {"disabledTransactionTypes": FUTURE_TRANSACTION_TYPE, "permissions": FUTURE_PERMISSION}
_FUTURE_TEXTS = {"postbackFormat": "4-512", "networkTokenizationEnabled": "suspended"}
_FUTURE_PROPERTY = {"regulatoryProfile": {"scheme": "PSD3", "level": 2}}
_FUTURE_OF_TERMINALS = {"softwareVersion": "7.1"}
# Source: README of the contract, contradiction 1.
_SLIPS = {
    "adapter": "Adapter",
    "apiKey": "APIKey",
    "apiSecret": "APISecret",
    "merchantGuid": "MerchantGUID",
    "postbackFormat": "PostbackFormat",
    "scheduleApiAvailable": "scheduleAPIAvailable",
}


def with_future_values(body: bytes) -> bytes:
    """Add values newer than the contract to each entity of an answer."""
    return _rewritten(body, _into_future)


def without_future_values(body: bytes) -> bytes:
    """Remove those values from a request, where a newer gateway would accept them."""
    return _rewritten(body, _out_of_future)


def misspelt(body: bytes) -> bytes:
    """Spell properties as the published examples do, permissions as one text (contradictions 1 and 5)."""
    return _rewritten(body, _with_slips)


def _rewritten(body: bytes, change: Callable[[Any], Any]) -> bytes:
    try:
        return json.dumps(change(json.loads(body)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return body


def _into_future(value: Any) -> Any:
    if isinstance(value, list):
        return [_into_future(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _into_future(item) for name, item in value.items()}
    for name, future in _FUTURE_LISTS.items():
        if isinstance(found.get(name), list):
            found[name] = [*found[name], future]
    found |= {name: future for name, future in _FUTURE_TEXTS.items() if name in found}
    if "settings" in found:
        found["settings"] = {**(found["settings"] or {}), FUTURE_SETTING: "1"}
    if "terminalId" in found:
        found |= _FUTURE_OF_TERMINALS
    return found | _FUTURE_PROPERTY if "guid" in found and "name" in found else found


def _out_of_future(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    future = _FUTURE_TEXTS | _FUTURE_OF_TERMINALS
    found = {name: item for name, item in value.items() if name not in future or item != future[name]}
    for name, item in value.items():
        if isinstance(item, list):
            kept = [each for each in item if each not in _FUTURE_LISTS.values()]
            found[name] = [_out_of_future(each) for each in kept]
    return found


def _with_slips(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_slips(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {_SLIPS.get(name, name): _with_slips(item) for name, item in value.items()}
    if isinstance(found.get("permissions"), list):
        found["permissions"] = " ".join(found["permissions"])
    return found
