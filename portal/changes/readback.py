"""Compares what was sent with what the gateway shows, property by property.

Used for the answer of a write, for an unknown update and for the candidates of an unknown create.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.core.text import database_safe
from provisioning.entities import parse_datetime
from provisioning.gateway.secrets import MASK, Sealed, mask

# Property of an update → what it does to which property of the entity. A test compares it with the contract.
PARTNERS = {
    "addPermissions": ("add", "permissions"),
    "removePermissions": ("remove", "permissions"),
    "addMultiMerchantAccess": ("add", "multiMerchantAccess"),
    "removeMultiMerchantAccess": ("remove", "multiMerchantAccess"),
    "addSettings": ("add", "settings"),
    "removeSettings": ("remove", "settings"),
}
# These only tell the gateway to do something, or are never shown.
WRITE_ONLY = frozenset({"password", "resetPassword", "sendInitialPassword"})
# Maps that an update replaces as a whole, so that a key which was not sent must be gone.
REPLACED_MAPS = frozenset({"settings"})
_ABSENT: tuple[Any, ...] = (None, "", False, [], {})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One property sent. `agrees` is None where reading cannot tell, as for a password.

    `field` is the dotted name as in a change's rows; `sent` and `shown` are masked and storable.
    """

    field: str
    sent: Any
    shown: Any
    agrees: bool | None


def compare(sent: Mapping[str, Any], shown: Mapping[str, Any], *, home: str = "") -> list[Comparison]:
    """Compare a request body with an entity's values. `home` is the guid of a user's own merchant.

    Secrets of the body may be sealed or masked; a masked one cannot be compared.
    """
    values = {**shown, "multiMerchantAccess": _accessible(shown)}
    found: list[Comparison] = []
    for name, value in sent.items():
        if name in WRITE_ONLY:
            found.append(_comparison(name, value, None, None))
        elif name in PARTNERS:
            action, concerned = PARTNERS[name]
            found += _compare_partner(name, action, value, values.get(concerned))
        elif name == "multiMerchantAccess":
            granted = [guid for guid in values[name] if guid != home]
            wanted = [guid for guid in value or [] if guid != home]
            found.append(_comparison(name, value, values[name], sorted(granted) == sorted(wanted)))
        else:
            found += _compare_value(name, value, values.get(name))
    return found


def value_of(values: Mapping[str, Any], field: str) -> Any:
    """Return the value that a compared field concerns: of "addPermissions" the entity's permissions."""
    name, _, rest = field.partition(".")
    name = PARTNERS.get(name, ("", name))[1]
    if name == "multiMerchantAccess":
        return _accessible(values)
    value = values.get(name)
    return value.get(rest) if rest and isinstance(value, Mapping) and rest in value else _nested(value, rest)


def equivalent(sent: Any, shown: Any) -> bool:
    """Return whether two values mean the same to the gateway, which may spell them differently.

    Blanks at the ends, composed letters, the spelling of a time or number and the order of names make no
    difference; nothing, "" and false are the same.
    """
    if sent in _ABSENT and shown in _ABSENT:
        agrees = True
    elif isinstance(sent, Mapping) and isinstance(shown, Mapping):
        agrees = all(equivalent(value, shown[key]) for key, value in sent.items() if key in shown)
    elif isinstance(sent, (list, tuple)) and isinstance(shown, (list, tuple)):
        if all(isinstance(item, str) for item in (*sent, *shown)):
            agrees = sorted(sent) == sorted(shown)
        else:
            agrees = len(sent) == len(shown) and all(map(equivalent, sent, shown))
    elif isinstance(sent, bool) or isinstance(shown, bool):
        agrees = _text(sent) in {"true", "1"} and _text(shown) in {"true", "1"}
    elif parse_datetime(sent) and parse_datetime(shown):
        agrees = parse_datetime(sent) == parse_datetime(shown)
    else:
        agrees = _text(sent) == _text(shown)
    return agrees


def _compare_partner(name: str, action: str, sent: Any, shown: Any) -> Iterator[Comparison]:
    """Of lists the names count, of maps the keys, and for what is added the values too."""
    if isinstance(sent, Mapping):
        held = shown if isinstance(shown, Mapping) else {}
        for key, value in sent.items():
            kept = equivalent(value, held.get(key)) if action == "add" else key not in held
            secret = isinstance(value, Sealed) or value == MASK or isinstance(held.get(key), Sealed)
            unclear = secret and action == "add" and key in held
            agrees = _same_secret(value, held.get(key)) if unclear else kept
            yield _comparison(f"{name}.{key}", value, held.get(key), agrees)
        return
    names = set(shown) if isinstance(shown, (list, tuple)) else set()
    wanted = set(sent or ())
    agrees = wanted <= names if action == "add" else not wanted & names
    yield _comparison(name, sent, sorted(names, key=str), agrees)


def _compare_value(name: str, sent: Any, shown: Any) -> Iterator[Comparison]:
    if isinstance(sent, Mapping):
        held = shown if isinstance(shown, Mapping) else {}
        for key, value in sent.items():
            yield from _compare_value(f"{name}.{key}", value, held.get(key))
        extra = {key: value for key, value in held.items() if key not in sent}
        if name in REPLACED_MAPS and extra:
            yield _comparison(name, sent, held, False)
    elif isinstance(sent, Sealed) or sent == MASK or isinstance(shown, Sealed):
        yield _comparison(name, sent, shown, _same_secret(sent, shown))
    else:
        yield _comparison(name, sent, shown, equivalent(sent, shown))


def _same_secret(sent: Any, shown: Any) -> bool | None:
    """Return True for the secret itself; a gateway may hide or encrypt what it shows, so never False."""
    if isinstance(sent, Sealed) and isinstance(shown, Sealed) and bool(sent) and sent == shown:
        return True
    return None


def _comparison(field: str, sent: Any, shown: Any, agrees: bool | None) -> Comparison:
    return Comparison(field, database_safe(mask(sent)), database_safe(mask(shown)), agrees)


def _accessible(values: Mapping[str, Any]) -> list[str]:
    """Return the guids of the merchants that a user may see."""
    links = values.get("merchantAccess")
    found = links if isinstance(links, (list, tuple)) else []
    return [str(link["guid"]) for link in found if isinstance(link, Mapping) and link.get("guid")]


def _nested(value: Any, path: str) -> Any:
    while path and isinstance(value, Mapping):
        name, _, path = path.partition(".")
        value = value.get(name)
    return None if path else value


def _text(value: Any) -> str:
    """Return the value as text in the form in which texts are compared."""
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFC", "" if value is None else str(value))
    return text.replace("\r\n", "\n").strip().removesuffix("/")
