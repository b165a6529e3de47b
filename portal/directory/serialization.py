"""Turn entities into index rows, without secrets and without values that the databases cannot store."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from portal.core.text import database_safe, fold
from portal.directory.models import IndexedEntity
from provisioning import contract
from provisioning.entities import ENTITY_KINDS, Entity, parse_datetime

GUID_LIMIT = 100
# Part of each digest, so that a refresh rewrites the rows folded by an older rule.
FOLD_VERSION = 2
# Free-form properties may hold credentials under undeclared names, so they are not stored.
_LEFT_OUT = frozenset(
    {"settings", "vault", "extraData", "sharedSecret", "publicIntegrationKey", "apiUserSettings"}
)
_CONFIG_KEPT = ("language", "testMode")
_SEARCHED = (
    "name", "guid", "externalId", "username", "email", "firstName", "lastName", "apiKey", "adapter", "method",
    "homepage", "city", "zipCode", "domain", "description",
)  # fmt: skip
# In JSON text: NUL, any surrogate, NaN and infinities (PostgreSQL refuses them), the dots of a masked secret.
_SUSPICIOUS = re.compile(r"\\u0000|\\ud[89a-f]|\\u2022|NaN|Infinity")
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of an index row. Cheap to build: most entities of a long list have not changed."""

    kind: str
    guid: str
    parent: str
    tenant: str
    fields: dict[str, Any]
    digest: str


def get_index_fields(entity: Entity) -> dict[str, Any]:
    """Return the properties that may be stored: declared by the contract and not secret."""
    values = entity.values
    kept = {key: values[key] for key in _get_declared_names(entity.kind) if key in values}
    config = kept.pop("config", None)
    if isinstance(config, dict):
        facts = {key: config[key] for key in _CONFIG_KEPT if key in config}
        kept |= {"config": facts} if facts else {}
    return kept | {"unreadable": list(entity.problems)} if entity.problems else kept


def draft_row(entity: Entity, *, parent: str, tenant: str) -> Draft | None:
    """Return the content of the entity's row and its digest; None if its GUID cannot be stored."""
    if len(entity.guid) > GUID_LIMIT or database_safe(entity.guid) != entity.guid:
        return None
    tenant = entity.guid if entity.kind == "tenant" else tenant
    fields = get_index_fields(entity)
    text = _canonical(fields)
    if _SUSPICIOUS.search(text):
        fields = database_safe(fields)
    digest = hashlib.blake2b(f"{FOLD_VERSION} {parent} {tenant} {text}".encode(), digest_size=16).hexdigest()
    return Draft(entity.kind, entity.guid, parent, tenant, fields, digest)


def build_row(draft: Draft, *, connection: str, seen_at: datetime) -> IndexedEntity:
    """Return the row, with the columns that lists filter, sort and search by."""
    fields = draft.fields
    name = str(fields.get(ENTITY_KINDS[draft.kind].name_property) or draft.guid)[:255]
    return IndexedEntity(
        connection=connection,
        kind=draft.kind,
        guid=draft.guid,
        parent_guid=draft.parent,
        tenant_guid=draft.tenant,
        disabled=bool(fields.get("disabled")),
        archived=bool(fields.get("archived")),
        country=str(fields.get("country") or fields.get("businessCountry") or "")[:8],
        currency=str(fields.get("defaultCurrency") or "")[:8],
        sort_key=fold(name)[:120],
        name=name,
        created_at=parse_datetime(fields.get("createdAt")),
        digest=draft.digest,
        seen_at=seen_at,
        search=fold("\n".join(str(fields[key]) for key in _SEARCHED if fields.get(key))),
        fields=fields,
    )


@cache
def _get_declared_names(kind: str) -> frozenset[str]:
    name = ENTITY_KINDS[kind].schema
    secret = {path[0] for path in contract.secret_paths(name) if len(path) == 1}
    extra = {"own"} if kind == "tenant" else set()
    return frozenset(contract.schema(name)["properties"]) - secret - _LEFT_OUT | extra
