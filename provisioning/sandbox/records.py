"""Reading and writing entities, and which of them an API key may reach. Called by the operations."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Max

from provisioning.sandbox.error_responses import unknown_entity
from provisioning.sandbox.models import ApiKey, Record

JsonObject = dict[str, Any]

TENANT, MERCHANT, USER, CONNECTOR, ENROLLMENT = "tenant", "merchant", "user", "connector", "enrollment"
_NAMES = {TENANT: "Tenant", MERCHANT: "Merchant", USER: "Merchant user", CONNECTOR: "Connector"}
_PREFIXES = {
    TENANT: "TE",
    MERCHANT: "ME",
    USER: "US",
    CONNECTOR: "CO",
    ENROLLMENT: "NT",
    "rule": "MPR",
    "key": "AK",
}
# How deep tenants may nest; a guard against a loop, not a rule of the platform.
_DEEPEST = 20


def new_guid(kind: str) -> str:
    """Return a new GUID of the published shape: prefix and six groups of four hexadecimal digits."""
    digits = secrets.token_hex(12)
    digits = digits.upper() if kind == "rule" else digits
    return "-".join([_PREFIXES[kind], *(digits[start : start + 4] for start in range(0, 24, 4))])


def iso_now() -> str:
    """Return the time as merchants and connectors write it: 2020-12-18T13:53:07+00:00."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def plain_now() -> str:
    """Return the time as merchant users write it, without offset: 2020-12-18 14:04:55."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def dump_json(value: object) -> str:
    """Return JSON as it is stored and sent: compact, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def get_document(record: Record) -> JsonObject:
    """Return the entity as the API answers with it."""
    found: JsonObject = json.loads(record.document)
    return found


def get_private(record: Record) -> JsonObject:
    """Return what belongs to the entity but is never part of an answer."""
    found: JsonObject = json.loads(record.private)
    return found


def create_record(
    *,
    kind: str,
    parent: str,
    document: JsonObject,
    private: JsonObject | None = None,
    unique_name: str | None = None,
) -> Record:
    """Build an entity, not stored yet, with its place at the end of its parent's list."""
    last = Record.objects.filter(parent=parent, kind=kind).aggregate(last=Max("position"))["last"]
    return Record(
        guid=document["guid"],
        kind=kind,
        parent=parent,
        position=(last or 0) + 1,
        unique_name=unique_name,
        document=dump_json(document),
        private=dump_json(private or {}),
    )


def add_record(
    *,
    kind: str,
    parent: str,
    document: JsonObject,
    private: JsonObject | None = None,
    unique_name: str | None = None,
) -> None:
    """Store a new entity at the end of its parent's list; the document's guid is its key."""
    record = create_record(
        kind=kind, parent=parent, document=document, private=private, unique_name=unique_name
    )
    record.save(force_insert=True)


def save_record(record: Record, document: JsonObject, private: JsonObject | None = None) -> None:
    """Store a changed entity."""
    record.document = dump_json(document)
    if private is not None:
        record.private = dump_json(private)
    record.save()


def get_texts(kind: str, parent: str) -> str:
    """Return all children as one JSON array, in order; joined by SQLite because lists have no paging."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT group_concat(document, ',') FROM (SELECT document FROM sandbox_record"
            " WHERE parent = %s AND kind = %s ORDER BY position)",
            [parent, kind],
        )
        return f"[{cursor.fetchone()[0] or ''}]"


def get_children(kind: str, parent: str) -> list[Record]:
    """Return all children of a kind, in order."""
    return list(Record.objects.filter(parent=parent, kind=kind).order_by("position"))


def get_reachable(key: ApiKey, kind: str, guid: str, status: int = 422) -> Record:
    """Return the entity if it lies in the tree of the key's tenant. Raises the 1007 refusal otherwise."""
    record = Record.objects.filter(guid=guid, kind=kind).first()
    if record is None or key.tenant not in get_tenants_above(record):
        raise unknown_entity(_NAMES[kind], guid, status)
    return record


def get_tenants_above(record: Record) -> list[str]:
    """Return the GUIDs of the tenant of the entity and of all its parents, nearest first."""
    chain: list[str] = []
    current: Record | None = record
    for _ in range(_DEEPEST):
        if current is None:
            break
        if current.kind == TENANT:
            chain.append(current.guid)
        current = Record.objects.filter(guid=current.parent).first() if current.parent else None
    return chain


def get_tenant_values(guid: str, name: str) -> set[str]:
    """Collect a list of values kept privately with a tenant and, inherited, with its parents.

    Kept are "abilities", "mandatoryMerchantFields" and "withheldConditions".
    """
    records = Record.objects.filter(guid__in=get_tenants_above(Record.objects.get(guid=guid, kind=TENANT)))
    return {value for record in records for value in get_private(record).get(name, [])}


def get_tenants_below(guid: str) -> list[Record]:
    """Return all sub-tenants of a tenant, deeper levels included, parents before their children."""
    found: list[Record] = []
    level = [guid]
    while level:
        below = list(Record.objects.filter(kind=TENANT, parent__in=level).order_by("position"))
        found += below
        level = [tenant.guid for tenant in below]
    return found


def is_name_taken(kind: str, name: str, except_guid: str = "") -> bool:
    """Return whether another entity of the kind holds this unique name."""
    return Record.objects.filter(kind=kind, unique_name=name).exclude(guid=except_guid).exists()
