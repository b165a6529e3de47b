"""The only door of the portal to the gateway: reads, and `perform` for every write.

Each call opens the connection's active credential, speaks to the gateway (a write once, a read at most twice)
and forgets it. Reads raise the errors of `gateway.errors`; writes return exactly one outcome.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from provisioning.credentials.models import Credential
from provisioning.credentials.sending import get_request_url, send_call, send_test_call
from provisioning.credentials.services import get_connection
from provisioning.entities import ENTITY_KINDS, Connector, Entity, Merchant, MerchantUser, Tenant
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
from provisioning.gateway.timing import get_gateway_seconds, get_time_left, reset_gateway_time, time_limit
from provisioning.operations import Operation, get_operation
from provisioning.payloads import Payload, get_payload_fields, seal_payload, validate_payload

AnyEntity = TypeVar("AnyEntity", bound=Entity)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway did it. `answer` has its secrets sealed; `entity` is None if the answer shows none."""

    entity: Entity | None
    answer: dict[str, Any]
    request_id: str = ""
    http_status: int = 200
    duration_ms: int = 0


Outcome = Accepted | NotSent | Refused | OutcomeUnknown
MAX_UNREADABLE = 50


class EntityList(list[AnyEntity]):
    """The entities of one list. `unreadable` says of every row that is none which one it is, and why."""

    unreadable: tuple[str, ...] = ()


def list_tenants(*, connection: str, size_cap: int = 0) -> EntityList[Tenant]:
    """The sub-tenants (list-tenants). The key's own tenant, which the gateway leaves out, comes first.

    It is known from the connection's settings only: values guid, name (the connection's) and own: True.
    Raises ProvisioningError.
    """
    listed = _listed(Tenant, _items("tenant.list", connection=connection, size_cap=size_cap), "")
    own = get_connection(connection)
    if own.tenant_guid and all(tenant.guid != own.tenant_guid for tenant in listed):
        values = {"guid": own.tenant_guid, "name": own.name, "own": True}
        listed.insert(0, Tenant.from_answer(values))
    return listed


def list_merchants(*, connection: str, tenant_guid: str, size_cap: int = 0) -> EntityList[Merchant]:
    """The merchants of a tenant (list-merchants). Raises ProvisioningError.

    `size_cap`: refuse an answer of more bytes with AnswerTooLarge; 0 is the client's own limit.
    """
    items = _items("merchant.list", connection=connection, target=tenant_guid, size_cap=size_cap)
    return _listed(Merchant, items, tenant_guid)


def list_merchant_users(
    *, connection: str, merchant_guid: str, size_cap: int = 0
) -> EntityList[MerchantUser]:
    """The users of a merchant (list-merchant-users). Raises ProvisioningError."""
    items = _items("merchant_user.list", connection=connection, target=merchant_guid, size_cap=size_cap)
    return _listed(MerchantUser, items, merchant_guid)


def list_connectors(*, connection: str, merchant_guid: str, size_cap: int = 0) -> EntityList[Connector]:
    """The connectors of a merchant (list-connectors), their secrets sealed. Raises ProvisioningError."""
    items = _items("connector.list", connection=connection, target=merchant_guid, size_cap=size_cap)
    return _listed(Connector, items, merchant_guid)


def list_guids(*, connection: str, kind: str, parent: str, deadline: float) -> list[str]:
    """Return the guids that the parent's list holds now, read within `deadline` seconds.

    A list of more than 1 MiB is not read: OutcomeUnknown. Raises ProvisioningError, KeyError for a kind
    without a list.
    """
    described = get_operation(f"{kind}.list")
    call = replace(_call(described, target=parent), large=False)
    left = get_time_left()
    with time_limit(deadline if left is None else min(deadline, left)):
        answer = send_call(call, connection=connection)
    items = answer.body.get(described.result)
    if not isinstance(items, list):
        raise _unreadable(f"“{described.result}” is not a list", answer)
    return [str(item["guid"]) for item in items if isinstance(item, dict) and item.get("guid")]


def read_entity(*, connection: str, kind: str, parent: str, guid: str) -> Entity:
    """One entity, fresh. The API reads no single one, so the parent is listed.

    Raises EntityNotFound if it is not listed there, KeyError for an unknown kind, and ProvisioningError.
    """
    entity_class = ENTITY_KINDS[kind]
    found: list[Entity]
    if entity_class is Tenant:
        found = [tenant for tenant in list_tenants(connection=connection) if tenant.guid == guid]
    else:
        items = _items(f"{kind}.list", connection=connection, target=parent)
        found = _listed(entity_class, [item for item in items if _has_guid(item, guid)][:1], parent)
    if not found:
        raise EntityNotFound(f"The gateway does not list {guid} there.", code=1007)
    return found[0]


def read_document(operation: str, *, connection: str, target: str = "", second: str = "") -> dict[str, Any]:
    """The whole answer of a reading operation, secrets sealed. Raises ProvisioningError, ValueError."""
    described = get_operation(operation)
    if described.writes:
        raise ValueError(f"{operation} writes: it goes through perform().")
    return send_call(_call(described, target=target, second=second), connection=connection).body


def read_adapter_settings(
    *, connection: str, adapter: str, merchant_guid: str | None = None
) -> dict[str, Any]:
    """The settings descriptors of an adapter: {"baseConfig": …}, for a merchant also "vaultConfig".

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
) -> Outcome:
    """Checks `payload` against the contract, opens its sealed values and sends one request, once.

    `target` fills the path parameter ("" if there is none); `parent` is what the entity hangs under, by
    default a create's target; `stored` is the entity as the gateway showed it.

    Failures are returned, not raised; KeyError or ValueError: it is no write.
    """
    described = get_operation(operation)
    if not described.writes:
        raise ValueError(f"{operation} reads: it has a function of its own.")
    try:
        validate_payload(described, payload, stored=stored)
        call = _call(described, target=target, payload=seal_payload(described, payload))
        answer = send_call(call, connection=connection)
    except (NotSent, Refused, OutcomeUnknown) as error:
        return error
    entity = _entity_of(described, answer, target, parent)
    return Accepted(entity, answer.body, answer.request_id, answer.http_status, answer.duration_ms)


def preview_request(
    operation: str, *, connection: str, target: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """{"method", "url", "body"} of what `perform` would send, secrets masked. Raises NotSent, KeyError."""
    described = get_operation(operation)
    call = _call(described, target=target, payload=seal_payload(described, payload))
    return {
        "method": call.method,
        "url": get_request_url(call, connection=connection),
        "body": mask(call.payload),
    }


def probe_credential(*, credential: Credential) -> None:
    """Tries a stored credential, active or not, with harmless reads; what comes of it is not noted.

    Lists tenants, then the merchants of the key's own tenant: a key of somebody else's may list tenants too.
    Raises ProvisioningError, EntityNotFound if the key cannot see that tenant.
    """
    send_test_call(_call(get_operation("tenant.list")), credential=credential)
    own = credential.connection.tenant_guid
    if own:
        send_test_call(_call(get_operation("merchant.list"), target=own), credential=credential)


def _call(
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
        large=operation.name.endswith(".list"),
        schema=spec.response_schema,
        operation=operation.name,
        size_cap=size_cap,
    )


def _items(operation: str, *, connection: str, target: str = "", size_cap: int = 0) -> list[Any]:
    described = get_operation(operation)
    call = _call(described, target=target, size_cap=size_cap)
    answer = send_call(call, connection=connection)
    items = answer.body.get(described.result)
    if not isinstance(items, list):
        raise _unreadable(f"“{described.result}” is not a list", answer)
    return items


def _has_guid(item: Any, guid: str) -> bool:
    return isinstance(item, dict) and item.get("guid") == guid


def _listed(entity_class: type[AnyEntity], items: list[Any], parent: str) -> EntityList[AnyEntity]:
    """The rows as entities. A row that cannot be one is named, so that the list does not look complete."""
    found: EntityList[AnyEntity] = EntityList()
    unreadable: list[str] = []
    seen: set[str] = set()
    for number, item in enumerate(items, start=1):
        try:
            if not isinstance(item, dict):
                raise ValueError("it is not an object")
            entity = entity_class.from_answer(item, parent=parent)
            if entity.guid in seen:
                raise ValueError("its GUID is listed twice")
        except (ValueError, RecursionError) as error:
            unreadable.append(f"row {number}{_guid_shown(item)}: {error}")
            continue
        seen.add(entity.guid)
        found.append(entity)
    more = len(unreadable) - MAX_UNREADABLE
    found.unreadable = (*unreadable[:MAX_UNREADABLE], *([f"{more:,} more rows"] if more > 0 else []))
    return found


def _guid_shown(item: Any) -> str:
    guid = item.get("guid") if isinstance(item, dict) else None
    if not isinstance(guid, str) or not guid:
        return ""
    return " (GUID “" + "".join(sign if sign.isprintable() else "\ufffd" for sign in guid[:60]) + "”)"


def _unreadable(detail: str, answer: Answer | None = None) -> OutcomeUnknown:
    explanation = "The gateway's answer could not be read. Nothing was changed. Try again in a moment."
    if answer is None:
        return OutcomeUnknown(explanation, detail)
    return OutcomeUnknown(
        explanation,
        detail,
        http_status=answer.http_status,
        request_id=answer.request_id,
        duration_ms=answer.duration_ms,
    )


def _entity_of(operation: Operation, answer: Answer, target: str, parent: str) -> Entity | None:
    """The entity the write concerned. updateTenant answers with the whole list (contract README, 3)."""
    entity_class = ENTITY_KINDS.get(operation.kind)
    shown = answer.body.get(operation.result)
    creates = operation.name.endswith(".create")
    for item in shown if isinstance(shown, list) else [shown]:
        if entity_class is None or not isinstance(item, dict) or not isinstance(item.get("guid"), str):
            continue
        if item["guid"] and (creates or item["guid"] == target):
            with suppress(ValueError, RecursionError):  # the write has happened: an odd guid is no failure
                return entity_class.from_answer(item, parent=parent or (target if creates else ""))
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
    "list_connectors",
    "list_guids",
    "list_merchant_users",
    "list_merchants",
    "list_tenants",
    "mask",
    "perform",
    "preview_request",
    "probe_credential",
    "read_adapter_settings",
    "read_document",
    "read_entity",
    "reset_gateway_time",
    "time_limit",
]
