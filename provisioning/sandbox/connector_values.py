"""How the parts of a connector are made, merged and shown. Called by `connectors`."""

import secrets
import string

from provisioning.sandbox.bodies import JsonObject

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
