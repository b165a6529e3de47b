"""The published slips in the spelling of answers, ironed out before anything looks at the keys.

Source: README of the contract, contradiction 1 and the empty arrays for empty objects. Called when an answer
with secrets is parsed (a misspelt secret must be found to be sealed) and when an entity is built.
"""

from collections.abc import Mapping
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
_NESTED = frozenset({dict, list})


def apply_aliases(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of an answer object, and of the objects and lists in it, under the contract's names."""
    found: dict[str, Any] = {}
    for key, value in values.items():  # tens of thousands of times per list: plain values cost one look-up
        name = _SPELLINGS.get(key, key)
        if type(value) not in _NESTED:
            found[name] = value
        elif isinstance(value, dict):
            found[name] = apply_aliases(value)
        elif not value and name in _MAPS:
            found[name] = {}
        else:
            found[name] = [apply_aliases(item) if isinstance(item, dict) else item for item in value]
    return found
