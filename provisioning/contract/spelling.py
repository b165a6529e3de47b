"""The published slips in the spelling of answers, ironed out before anything looks at the keys.

Source: README of the contract, contradictions 1 and "empty array instead of empty object". Called when an answer
with secrets is parsed (a misspelt secret must be found to be sealed) and when an entity is built.
"""

from typing import Any

# "Values are affected too, so this looks like an editing accident": a reader expects both spellings.
_SPELLINGS = {
    "Adapter": "adapter",
    "APIKey": "apiKey",
    "APISecret": "apiSecret",
    "MerchantGUID": "merchantGuid",
    "PostbackFormat": "postbackFormat",
    "ScheduleApiAvailable": "scheduleApiAvailable",
    "scheduleAPIAvailable": "scheduleApiAvailable",
    "Refund:ui-enabled": "refund:ui-enabled",
}
# Maps that the gateway writes as [] when they are empty.
_MAPS = frozenset({"apiUserSettings", "settings", "config", "extraData", "vault", "trids"})


def spelled(values: dict[str, Any]) -> dict[str, Any]:
    """A copy of an answer object, and of the objects and lists in it, under the contract's names."""
    return {
        _SPELLINGS.get(key, key): _value(_SPELLINGS.get(key, key), value) for key, value in values.items()
    }


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return spelled(value)
    if isinstance(value, list):
        if not value and name in _MAPS:
            return {}
        return [spelled(item) if isinstance(item, dict) else item for item in value]
    return value
