"""What an entity looked like: snapshots without secrets, comparison, the signed `base` of edit forms."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing

from portal.core.text import database_safe
from provisioning import encryption
from provisioning.entities import Entity
from provisioning.gateway.secrets import Sealed, reveal_all

DIGEST = "$digest"
_SALT = "portal.changes.base"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs: dotted `field`, displayable `was` and `now` (None: there was none)."""

    field: str
    was: Any
    now: Any

    def as_row(self) -> dict[str, Any]:
        """For JSON columns."""
        return asdict(self)


def snapshot_of(entity: Entity) -> dict[str, Any]:
    """The entity's values, every secret replaced by a keyed digest bound to the entity."""
    found: dict[str, Any] = database_safe(_digested(dict(entity.values), entity.guid))
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two snapshots, property by property; secrets only as "changed"."""
    was, now = dict(leaves(before)), dict(leaves(after))
    fields = [*was, *(field for field in now if field not in was)]
    return [
        Difference(field, _shown(was.get(field)), _shown(now.get(field), changed=True))
        for field in fields
        if not same(was.get(field, _ABSENT), now.get(field, _ABSENT))
    ]


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of everything that is no object; empty objects and null count as absent."""
    for key, value in values.items():
        if isinstance(value, Mapping) and DIGEST not in value:
            yield from leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def same(one: Any, other: Any) -> bool:
    """Equality as the gateway means it: lists of names have no order, nothing and "" are the same."""
    if _digests(one) and _digests(other):
        return not _digests(one).isdisjoint(_digests(other))
    return bool(_comparable(one) == _comparable(other))


def base_sign(*, connection: str, kind: str, guid: str, snapshot: dict[str, Any]) -> str:
    """A snapshot for a hidden field: signed, compressed, bound to the entity."""
    return signing.dumps([connection, kind, guid, snapshot], salt=_SALT, compress=True)


def base_read(token: str, *, connection: str, kind: str, guid: str) -> dict[str, Any] | None:
    """The snapshot in a hidden field; None if it is missing, forged or of another entity."""
    try:
        *bound_to, snapshot = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    return snapshot if bound_to == [connection, kind, guid] else None


def _digested(value: Any, guid: str) -> Any:
    if isinstance(value, Sealed):
        secret = json.dumps(reveal_all(value), sort_keys=True, default=str)
        # One for each key, so that a form opened before a change of keys still matches after it.
        return {DIGEST: encryption.fingerprints(f"{guid}\n{secret}")}
    if isinstance(value, Mapping):
        # A key of the gateway's that looks like the mark of a secret is not one.
        return {f"${key}" if key == DIGEST else key: _digested(child, guid) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_digested(child, guid) for child in value]
    return value


def _digests(value: Any) -> set[str]:
    """The digests of a secret under each key, of anything else none."""
    found = value.get(DIGEST) if isinstance(value, Mapping) else None
    return set(found) if isinstance(found, list) else set()


def _comparable(value: Any) -> Any:
    if value is _ABSENT or value is None or value in ("", []):
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return value


def _shown(value: Any, *, changed: bool = False) -> Any:
    if isinstance(value, Mapping) and DIGEST in value:
        return "changed" if changed else "••••••"
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _shown(child) for key, child in value.items()}
    return value
