"""How an entity of the gateway becomes an index row: no secret, nothing the databases cannot store."""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from portal.directory.models import Entry
from provisioning import contract
from provisioning.entities import Entity
from provisioning.gateway.secrets import Sealed

GUID_LIMIT = 100
_SCHEMAS = {
    "tenant": "Tenant",
    "merchant": "Merchant",
    "merchant_user": "MerchantUser",
    "connector": "Connector",
}
# Free-form parts may hold credentials under names nobody declared; of config only these two are facts.
_LEFT_OUT = frozenset(
    {"settings", "vault", "extraData", "sharedSecret", "publicIntegrationKey", "apiUserSettings"}
)
_CONFIG_KEPT = ("language", "testMode")
_SEARCHED = (
    "name", "guid", "externalId", "username", "email", "firstName", "lastName", "apiKey", "adapter", "method",
    "homepage", "city", "zipCode", "domain", "description",
)  # fmt: skip
# In JSON text: NUL, any surrogate, NaN and the infinities. PostgreSQL refuses them after the answer has come.
_SUSPICIOUS = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")


def folded(text: str) -> str:
    """The form in which texts are compared: without case, for every script ("Straße" equals "STRASSE")."""
    return unicodedata.normalize("NFKC", text).casefold()


def index_fields(entity: Entity) -> dict[str, Any]:
    """The entity's properties that may be kept: declared by the contract, not secret, storable everywhere."""
    declared = _declared(entity.kind)
    kept = {key: value for key, value in entity.values.items() if key in declared and not _sealed(value)}
    config = kept.pop("config", None)
    if isinstance(config, Mapping):
        facts = {key: config[key] for key in _CONFIG_KEPT if key in config and not _sealed(config[key])}
        kept |= {"config": facts} if facts else {}
    return kept


def index_row(
    entity: Entity, *, connection: str, parent: str, tenant: str, seen_at: datetime
) -> Entry | None:
    """The row for an entity, still without what `index_complete` adds; None if its guid cannot be stored."""
    tenant = entity.guid if entity.kind == "tenant" else tenant
    if len(entity.guid) > GUID_LIMIT or storable(entity.guid) != entity.guid:
        return None
    fields = index_fields(entity)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    if _SUSPICIOUS.search(text):
        fields = storable(fields)
    return Entry(
        connection=connection,
        kind=entity.kind,
        guid=entity.guid,
        parent_guid=parent,
        tenant_guid=tenant,
        fields=fields,
        digest=hashlib.blake2b(f"{parent} {tenant} {text}".encode(), digest_size=16).hexdigest(),
        seen_at=seen_at,
    )


def index_complete(row: Entry) -> Entry:
    """Fills in what lists filter, sort and search by; only rows that are written need it."""
    fields = row.fields
    row.name = str(fields.get("username" if row.kind == "merchant_user" else "name") or row.guid)[:255]
    row.sort_key = folded(row.name)[:120]
    row.disabled, row.archived = bool(fields.get("disabled")), bool(fields.get("archived"))
    row.country = str(fields.get("country") or fields.get("businessCountry") or "")[:8]
    row.currency = str(fields.get("defaultCurrency") or "")[:8]
    row.search = folded("\n".join(str(fields[key]) for key in _SEARCHED if fields.get(key)))
    return row


def storable(value: Any) -> Any:
    """A copy of a JSON value that both databases take: no NUL, no lone surrogate, no NaN, no infinity."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(key): storable(child) for key, child in value.items()}
    if isinstance(value, list):
        return [storable(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _declared(kind: str) -> frozenset[str]:
    name = _SCHEMAS[kind]
    secret = {path[0] for path in contract.secret_paths(name) if len(path) == 1}
    extra = {"own"} if kind == "tenant" else set()
    return frozenset(contract.schema(name)["properties"]) - secret - _LEFT_OUT | extra


def _sealed(value: Any) -> bool:
    if isinstance(value, Mapping):
        return False
    if isinstance(value, list):
        return any(_sealed(item) for item in value)
    return isinstance(value, Sealed)
