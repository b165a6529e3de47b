"""Compare entities: two reads of one entity (snapshots), and a sent body with what the gateway shows.

Between two reads every difference counts (`is_same`). Between what was sent and what is shown the gateway may
spell a value differently (`is_equivalent`). Snapshots hold digests in place of secrets.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing

from portal.core.text import database_safe
from provisioning import encryption
from provisioning.entities import Entity, parse_datetime
from provisioning.gateway.secrets import MASK, Sealed, mask, reveal_all
from provisioning.operations import OPERATIONS

DIGEST = "$digest"
_SALT = "portal.changes.base"
_MISSING = object()
# "addPermissions" → ("add", "permissions")
PARTNERS = {
    name: effect for operation in OPERATIONS.values() for name, effect in operation.partial_updates.items()
}
_UNSHOWN = frozenset[str]().union(*(operation.unshown_properties for operation in OPERATIONS.values()))
_REPLACED_MAPS = frozenset[str]().union(*(operation.replaced_maps for operation in OPERATIONS.values()))
_EMPTY_VALUES: tuple[Any, ...] = (None, "", False, [], {})


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs: dotted `field`, and `was` and `now` for display (None: absent)."""

    field: str
    was: Any
    now: Any

    def as_row(self) -> dict[str, Any]:
        """Return it as a dictionary for JSON columns."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One property sent. `agrees` is None where reading cannot tell, as for a password.

    `field` is the dotted name as in a change's rows; `sent` and `shown` are masked and storable.
    """

    field: str
    sent: Any
    shown: Any
    agrees: bool | None


def take_snapshot(entity: Entity) -> dict[str, Any]:
    """Return the entity's values, every secret replaced by a keyed digest bound to the entity."""
    found: dict[str, Any] = database_safe(_replace_secrets(dict(entity.values), entity.guid))
    return found


def find_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return the differences between two snapshots; secrets appear only as "changed"."""
    was, now = dict(iterate_leaves(before)), dict(iterate_leaves(after))
    fields = [*was, *(field for field in now if field not in was)]
    return [
        Difference(field, _mask_digests(was.get(field)), _mask_digests(now.get(field), changed=True))
        for field in fields
        if not is_same(was.get(field, _MISSING), now.get(field, _MISSING))
    ]


def iterate_leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted name and value of everything that is not an object; empty objects and null are skipped."""
    for key, value in values.items():
        if isinstance(value, Mapping) and DIGEST not in value:
            yield from iterate_leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def is_same(one: Any, other: Any) -> bool:
    """Return whether two reads show the same value: lists of names have no order, absent equals ""."""
    if _get_digests(one) and _get_digests(other):
        return not _get_digests(one).isdisjoint(_get_digests(other))
    return bool(_normalise(one) == _normalise(other))


def sign_original(*, connection: str, kind: str, guid: str, snapshot: dict[str, Any]) -> str:
    """Return a snapshot for a hidden form field: signed, compressed, bound to the entity."""
    return signing.dumps([connection, kind, guid, snapshot], salt=_SALT, compress=True)


def read_original(token: str, *, connection: str, kind: str, guid: str) -> dict[str, Any] | None:
    """Return the snapshot of a hidden form field; None if it is missing, forged or of another entity."""
    try:
        *bound_to, snapshot = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    return snapshot if bound_to == [connection, kind, guid] else None


def _replace_secrets(value: Any, guid: str) -> Any:
    if isinstance(value, Sealed):
        secret = json.dumps(reveal_all(value), sort_keys=True, default=str)
        # One digest per key, so that a form opened before a key rotation still matches afterwards.
        return {DIGEST: encryption.fingerprints(f"{guid}\n{secret}")}
    if isinstance(value, Mapping):
        # A property of the gateway may have the same name as the mark of a secret.
        return {
            f"${key}" if key == DIGEST else key: _replace_secrets(child, guid) for key, child in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_replace_secrets(child, guid) for child in value]
    return value


def _get_digests(value: Any) -> set[str]:
    """Return the digests of a secret, one per key; nothing for other values."""
    found = value.get(DIGEST) if isinstance(value, Mapping) else None
    return set(found) if isinstance(found, list) else set()


def _normalise(value: Any) -> Any:
    if value is _MISSING or value is None or value in ("", []):
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return value


def _mask_digests(value: Any, *, changed: bool = False) -> Any:
    if isinstance(value, Mapping) and DIGEST in value:
        return "changed" if changed else "••••••"
    if isinstance(value, list):
        return [_mask_digests(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _mask_digests(child) for key, child in value.items()}
    return value


def compare(sent: Mapping[str, Any], shown: Mapping[str, Any], *, home: str = "") -> list[Comparison]:
    """Compare a request body with an entity's values. `home` is the guid of a user's own merchant.

    Secrets of the body may be sealed or masked; a masked one cannot be compared.
    """
    values = {**shown, "multiMerchantAccess": _get_accessible_merchants(shown)}
    found: list[Comparison] = []
    for name, value in sent.items():
        if name == "multiMerchantAccess":  # shown as merchantAccess
            granted = [guid for guid in values[name] if guid != home]
            wanted = [guid for guid in value or [] if guid != home]
            found.append(_make_comparison(name, value, values[name], sorted(granted) == sorted(wanted)))
        elif name in _UNSHOWN:
            found.append(_make_comparison(name, value, None, None))
        elif name in PARTNERS:
            action, concerned = PARTNERS[name]
            found += _compare_partner(name, action, value, values.get(concerned))
        else:
            found += _compare_value(name, value, values.get(name))
    return found


def get_compared_value(values: Mapping[str, Any], field: str) -> Any:
    """Return the value that a compared field concerns: of "addPermissions" the entity's permissions."""
    name, _, rest = field.partition(".")
    name = PARTNERS.get(name, ("", name))[1]
    if name == "multiMerchantAccess":
        return _get_accessible_merchants(values)
    value = values.get(name)
    if rest and isinstance(value, Mapping) and rest in value:  # a key that has dots itself
        return value[rest]
    while rest and isinstance(value, Mapping):
        name, _, rest = rest.partition(".")
        value = value.get(name)
    return None if rest else value


def is_equivalent(sent: Any, shown: Any) -> bool:
    """Return whether two values mean the same to the gateway, which may spell them differently.

    Blanks at the ends, composed letters, the spelling of a time or number and the order of names make no
    difference; nothing, "" and false are the same.
    """
    if sent in _EMPTY_VALUES and shown in _EMPTY_VALUES:
        agrees = True
    elif isinstance(sent, Mapping) and isinstance(shown, Mapping):
        agrees = all(
            is_equivalent(value, shown[key])
            for key, value in sent.items()
            if key in shown and not _is_issued(key, value)
        )
    elif isinstance(sent, (list, tuple)) and isinstance(shown, (list, tuple)):
        if all(isinstance(item, str) for item in (*sent, *shown)):
            agrees = sorted(sent) == sorted(shown)
        else:
            agrees = len(sent) == len(shown) and all(map(is_equivalent, sent, shown))
    elif isinstance(sent, bool) or isinstance(shown, bool):
        agrees = _normalise_text(sent) in {"true", "1"} and _normalise_text(shown) in {"true", "1"}
    elif parse_datetime(sent) and parse_datetime(shown):
        agrees = parse_datetime(sent) == parse_datetime(shown)
    else:
        agrees = _normalise_text(sent) == _normalise_text(shown)
    return agrees


def _compare_partner(name: str, action: str, sent: Any, shown: Any) -> Iterator[Comparison]:
    """Compare the names of a list, or the keys of a map and, for additions, their values."""
    if isinstance(sent, Mapping):
        held = shown if isinstance(shown, Mapping) else {}
        for key, value in sent.items():
            kept = is_equivalent(value, held.get(key)) if action == "add" else key not in held
            secret = isinstance(value, Sealed) or value == MASK or isinstance(held.get(key), Sealed)
            unclear = secret and action == "add" and key in held
            agrees = _compare_secrets(value, held.get(key)) if unclear else kept
            yield _make_comparison(f"{name}.{key}", value, held.get(key), agrees)
        return
    names = set(shown) if isinstance(shown, (list, tuple)) else set()
    wanted = set(sent or ())
    agrees = wanted <= names if action == "add" else not wanted & names
    yield _make_comparison(name, sent, sorted(names, key=str), agrees)


def _compare_value(name: str, sent: Any, shown: Any) -> Iterator[Comparison]:
    if isinstance(sent, Mapping):
        held = shown if isinstance(shown, Mapping) else {}
        for key, value in sent.items():
            if not _is_issued(key, value):
                yield from _compare_value(f"{name}.{key}", value, held.get(key))
        extra = {key: value for key, value in held.items() if key not in sent}
        if name in _REPLACED_MAPS and extra:
            yield _make_comparison(name, sent, held, False)
    elif isinstance(sent, Sealed) or sent == MASK or isinstance(shown, Sealed):
        yield _make_comparison(name, sent, shown, _compare_secrets(sent, shown))
    else:
        yield _make_comparison(name, sent, shown, is_equivalent(sent, shown))


def _is_issued(key: str, sent: Any) -> bool:
    """Return whether the gateway issues this value: a new rule of a routing document is sent without id."""
    return key == "id" and sent is None


def _compare_secrets(sent: Any, shown: Any) -> bool | None:
    """Return True for the secret itself; a gateway may hide or encrypt what it shows, so never False."""
    if isinstance(sent, Sealed) and isinstance(shown, Sealed) and bool(sent) and sent == shown:
        return True
    return None


def _make_comparison(field: str, sent: Any, shown: Any, agrees: bool | None) -> Comparison:
    return Comparison(field, database_safe(mask(sent)), database_safe(mask(shown)), agrees)


def _get_accessible_merchants(values: Mapping[str, Any]) -> list[str]:
    """Return the guids of the merchants that a user may see."""
    links = values.get("merchantAccess")
    found = links if isinstance(links, (list, tuple)) else []
    return [str(link["guid"]) for link in found if isinstance(link, Mapping) and link.get("guid")]


def _normalise_text(value: Any) -> str:
    """Return the value as text in the form in which texts are compared."""
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFC", "" if value is None else str(value))
    return text.replace("\r\n", "\n").strip().removesuffix("/")
