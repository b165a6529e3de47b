"""The only way to call the gateway: reads, and `perform` for every write.

Each call decrypts the active credential of the connection for this call only. A write is sent once, a read at
most twice. Reads raise the errors of `gateway.errors`; writes return exactly one outcome.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

from provisioning.credentials.models import Credential
from provisioning.credentials.sending import get_request_url, send_call, send_test_call
from provisioning.credentials.services import get_connection
from provisioning.entities import ENTITY_KINDS, Entity, RoutingDocument, Tenant
from provisioning.gateway.errors import (
    EntityNotFound,
    NotAuthorised,
    NotSent,
    OutcomeUnknown,
    ProvisioningError,
    Refused,
)
from provisioning.gateway.requests import Call
from provisioning.gateway.responses import Answer
from provisioning.gateway.secrets import Sealed, mask
from provisioning.gateway.timing import get_gateway_seconds, reset_gateway_time, time_limit
from provisioning.operations import Operation, get_operation
from provisioning.payloads import Payload, get_payload_fields, seal_payload, validate_payload

AnyEntity = TypeVar("AnyEntity", bound=Entity)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway accepted the write. Secrets in `answer` are sealed; `entity` is None if it shows none."""

    entity: Entity | None
    answer: dict[str, Any]
    request_id: str = ""
    http_status: int = 200
    duration_ms: int = 0


Outcome = Accepted | NotSent | Refused | OutcomeUnknown
MAX_UNREADABLE = 50


class EntityList(list[AnyEntity]):
    """The entities of one list.

    `unreadable` describes each row that is not an entity, `unreadable_guids` holds what these rows give as
    GUID ("" for none).
    """

    unreadable: tuple[str, ...] = ()
    unreadable_guids: tuple[str, ...] = ()


def list_entities(*, connection: str, kind: str, parent: str = "", size_cap: int = 0) -> EntityList[Entity]:
    """Return the entities of a kind that belong to `parent`, with their secrets sealed.

    The gateway's list of tenants leaves out the API key's own tenant. Here it comes first, with what the
    connection's settings say of it: the values guid, name (the connection's) and own: True.

    `size_cap`: refuse a larger answer (in bytes) with AnswerTooLarge; 0 means the client's own limit.
    Raises ProvisioningError, KeyError for an unknown kind.
    """
    entity_kind = ENTITY_KINDS[kind]
    entity_class = entity_kind.entity_class
    items = _read_items(entity_kind.list_operation, connection=connection, target=parent, size_cap=size_cap)
    found = _parse_entities(entity_class, items, parent)
    if entity_class is Tenant:
        stored = get_connection(connection)
        if stored.tenant_guid and all(tenant.guid != stored.tenant_guid for tenant in found):
            values = {"guid": stored.tenant_guid, "name": stored.name, "own": True}
            found.insert(0, Tenant.from_answer(values))
    return found


def list_guids(*, connection: str, kind: str, parent: str, deadline: float) -> list[str]:
    """Return the GUIDs that the parent's list holds now, read within `deadline` seconds.

    A list of more than 1 MiB is not read: OutcomeUnknown. Raises ProvisioningError, KeyError for a kind
    without a list.
    """
    operation = get_operation(ENTITY_KINDS[kind].list_operation)
    call = replace(_build_call(operation, target=parent), large=False)
    with time_limit(deadline):
        answer = send_call(call, connection=connection)
    items = answer.body.get(operation.result)
    if not isinstance(items, list):
        raise _unreadable_answer(f"“{operation.result}” is not a list", answer)
    return [str(item["guid"]) for item in items if isinstance(item, dict) and item.get("guid")]


def read_entity(*, connection: str, kind: str, parent: str, guid: str) -> Entity:
    """Read one entity now. The API cannot read a single one, so its parent's list is read.

    Raises EntityNotFound if it is not listed there, KeyError for an unknown kind, and ProvisioningError.
    """
    entity_kind = ENTITY_KINDS[kind]
    if entity_kind.entity_class is Tenant:
        listed = list_entities(connection=connection, kind=kind)
        found = [tenant for tenant in listed if tenant.guid == guid]
    else:
        items = _read_items(entity_kind.list_operation, connection=connection, target=parent)
        matching = [item for item in items if isinstance(item, dict) and item.get("guid") == guid]
        found = _parse_entities(entity_kind.entity_class, matching[:1], parent)
    if not found:
        raise EntityNotFound(f"The gateway does not list {guid} there.", code=1007)
    return found[0]


def read_result(operation: str, *, connection: str, parent: str, guid: str) -> Entity:
    """Read what a write of `operation` concerns as it is now, with the operation's reader.

    Returns the entity, or the routing document of the connector `guid`. Raises ProvisioningError,
    EntityNotFound, and ValueError for an operation without a reader.
    """
    described = get_operation(operation)
    if described.is_listed:
        return read_entity(connection=connection, kind=described.kind, parent=parent, guid=guid)
    if not described.reader:
        raise ValueError(f"nothing shows the result of {operation}")
    reader = get_operation(described.reader)
    answer = send_call(_build_call(reader, target=guid), connection=connection)
    document = answer.body.get(reader.result)
    if not isinstance(document, dict):
        raise _unreadable_answer(f"“{reader.result}” is not an object", answer)
    return RoutingDocument(guid=guid, parent=parent, values=MappingProxyType(document))


def read_document(operation: str, *, connection: str, target: str = "", second: str = "") -> dict[str, Any]:
    """Return the answer of a reading operation, secrets sealed. Raises ProvisioningError, ValueError."""
    described = get_operation(operation)
    if described.writes:
        raise ValueError(f"{operation} is a write: use perform().")
    return send_call(_build_call(described, target=target, second=second), connection=connection).body


def read_adapter_settings(
    *, connection: str, adapter: str, merchant_guid: str | None = None
) -> dict[str, Any]:
    """Return the settings descriptors of an adapter: {"baseConfig": …}, for a merchant also "vaultConfig".

    Each is, as published, a list of descriptors, a single descriptor or {} (get-connector-settings, …-vault).
    Raises ProvisioningError.
    """
    name = "connector.settings" if merchant_guid is None else "connector.vault_settings"
    body = read_document(name, connection=connection, target=adapter, second=merchant_guid or "")
    return {key: body[key] for key in ("baseConfig", "vaultConfig") if key in body}


def perform(
    operation: str,
    *,
    connection: str,
    target: str,
    parent: str = "",
    payload: dict[str, Any],
    stored: Payload | None = None,
    url: str = "",
) -> Outcome:
    """Validate `payload` against the contract and send one request, once.

    `target` fills the path parameter ("" if there is none). `parent` is the parent of the entity, by default
    the target of a create. `stored` is the entity as the gateway showed it. With `url` nothing is sent to any
    other URL: the address of the connection may have changed since a person saw where the request goes.

    Failures are returned, not raised. Raises KeyError or ValueError if the operation is not a write.
    """
    described = get_operation(operation)
    if not described.writes:
        raise ValueError(f"{operation} is not a write.")
    try:
        validate_payload(described, payload, stored=stored)
        call = _build_call(described, target=target, payload=seal_payload(described, payload))
        answer = send_call(call, connection=connection, url=url)
    except (NotSent, Refused, OutcomeUnknown) as error:
        return error
    entity = _find_entity(described, answer, target, parent)
    return Accepted(entity, answer.body, answer.request_id, answer.http_status, answer.duration_ms)


def preview_request(
    operation: str, *, connection: str, target: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """Return "method", "url" and "body" of what `perform` would send, secrets masked. Raises NotSent."""
    described = get_operation(operation)
    call = _build_call(described, target=target, payload=seal_payload(described, payload))
    return {
        "method": call.method,
        "url": get_request_url(call, connection=connection),
        "body": mask(call.payload),
    }


def probe_credential(*, credential: Credential) -> None:
    """Test a stored credential, active or not, with reads. The result is not stored.

    Lists the tenants, then the merchants of the connection's own tenant, because a key of another tenant can
    list tenants too. Raises ProvisioningError, EntityNotFound if the key cannot see that tenant.
    """
    send_test_call(_build_call(get_operation("tenant.list")), credential=credential)
    own = credential.connection.tenant_guid
    if own:
        send_test_call(_build_call(get_operation("merchant.list"), target=own), credential=credential)


def _build_call(
    operation: Operation,
    *,
    target: str = "",
    second: str = "",
    payload: Payload | None = None,
    size_cap: int = 0,
) -> Call:
    spec = operation.spec
    return Call(
        method=spec.method,
        path=spec.path,
        target=target,
        second=second,
        payload=None if payload is None else dict(payload),
        secrets=operation.response_secrets,
        result=operation.result,
        fields=get_payload_fields(operation),
        large=operation.is_list,
        schema=spec.response_schema,
        operation=operation.name,
        size_cap=size_cap,
    )


def _read_items(operation: str, *, connection: str, target: str = "", size_cap: int = 0) -> list[Any]:
    described = get_operation(operation)
    call = _build_call(described, target=target, size_cap=size_cap)
    answer = send_call(call, connection=connection)
    items = answer.body.get(described.result)
    if not isinstance(items, list):
        raise _unreadable_answer(f"“{described.result}” is not a list", answer)
    return items


def _parse_entities(entity_class: type[AnyEntity], items: list[Any], parent: str) -> EntityList[AnyEntity]:
    """Return the rows as entities, and describe the others, so that the list does not look complete."""
    found: EntityList[AnyEntity] = EntityList()
    unreadable: list[str] = []
    guids: list[str] = []
    seen: set[str] = set()
    for number, item in enumerate(items, start=1):
        try:
            if not isinstance(item, dict):
                raise ValueError("it is not an object")
            entity = entity_class.from_answer(item, parent=parent)
            if entity.guid in seen:
                raise ValueError("its GUID is listed twice")
        except (ValueError, RecursionError) as error:
            guid = item.get("guid") if isinstance(item, dict) else None
            guids.append(str(guid or ""))
            shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in str(guid)[:60])
            named = f" (GUID “{shown}”)" if isinstance(guid, str) and guid else ""
            unreadable.append(f"row {number}{named}: {error}")
            continue
        seen.add(entity.guid)
        found.append(entity)
    found.unreadable_guids = tuple(guids)
    more = len(unreadable) - MAX_UNREADABLE
    found.unreadable = (*unreadable[:MAX_UNREADABLE], *([f"{more:,} more rows"] if more > 0 else []))
    return found


def _unreadable_answer(detail: str, answer: Answer | None = None) -> OutcomeUnknown:
    explanation = "The gateway's answer could not be read. Try again in a moment."
    if answer is None:
        return OutcomeUnknown(explanation, detail)
    return OutcomeUnknown(
        explanation,
        detail,
        http_status=answer.http_status,
        request_id=answer.request_id,
        duration_ms=answer.duration_ms,
    )


def _find_entity(operation: Operation, answer: Answer, target: str, parent: str) -> Entity | None:
    """Return the entity that was written. updateTenant returns the whole list (contract README, 3)."""
    entity_kind = ENTITY_KINDS.get(operation.kind)
    shown = answer.body.get(operation.result)
    creates = operation.creates
    if operation.reader and not operation.is_listed and isinstance(shown, dict):
        return RoutingDocument(guid=target, parent=parent, values=MappingProxyType(shown))
    for item in shown if isinstance(shown, list) else [shown]:
        if entity_kind is None or not isinstance(item, dict) or not isinstance(item.get("guid"), str):
            continue
        if item["guid"] and (creates or item["guid"] == target):
            # The write has been made, so an unusable GUID is not a failure.
            with suppress(ValueError, RecursionError):
                return entity_kind.entity_class.from_answer(
                    item, parent=parent or (target if creates else "")
                )
    return None


__all__ = [
    "Accepted",
    "EntityList",
    "EntityNotFound",
    "NotAuthorised",
    "NotSent",
    "Outcome",
    "OutcomeUnknown",
    "ProvisioningError",
    "Refused",
    "Sealed",
    "get_gateway_seconds",
    "list_entities",
    "list_guids",
    "mask",
    "perform",
    "preview_request",
    "probe_credential",
    "read_adapter_settings",
    "read_document",
    "read_entity",
    "read_result",
    "reset_gateway_time",
    "time_limit",
]
