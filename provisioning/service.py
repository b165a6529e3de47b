"""The only door of the portal to the gateway: reads, and `perform` for every write.

Each call opens the connection's active credential, speaks to the gateway once (reads at most twice) and forgets it.
Reads raise the errors of `gateway.errors`; writes return exactly one outcome.
"""

from dataclasses import dataclass
from typing import Any

from provisioning.entities import Connector, Entity, Merchant, MerchantUser, Tenant
from provisioning.gateway.errors import (
    EntityNotFound,
    NotAuthorised,
    NotSent,
    OutcomeUnknown,
    ProvisioningError,
    Refused,
)
from provisioning.gateway.secrets import Sealed, mask


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway did it. `answer` has its secrets sealed; `entity` is None if the answer named none."""

    entity: Entity | None
    answer: dict[str, Any]
    request_id: str = ""
    http_status: int = 200
    duration_ms: int = 0


Outcome = Accepted | NotSent | Refused | OutcomeUnknown


def tenant_list(*, connection: str) -> list[Tenant]:
    """The sub-tenants (list-tenants), the key's own tenant put first with values guid, name, own."""
    raise NotImplementedError


def merchant_list(*, connection: str, tenant_guid: str) -> list[Merchant]:
    """The merchants of a tenant (list-merchants)."""
    raise NotImplementedError


def merchant_user_list(*, connection: str, merchant_guid: str) -> list[MerchantUser]:
    """The users of a merchant (list-merchant-users)."""
    raise NotImplementedError


def connector_list(*, connection: str, merchant_guid: str) -> list[Connector]:
    """The connectors of a merchant (list-connectors), secrets sealed."""
    raise NotImplementedError


def entity_read(*, connection: str, kind: str, parent: str, guid: str) -> Entity:
    """One entity, fresh: lists the parent and finds it. Raises EntityNotFound."""
    raise NotImplementedError


def adapter_settings(*, connection: str, adapter: str, merchant_guid: str | None = None) -> dict[str, Any]:
    """The settings descriptors of an adapter (get-connector-settings, with a merchant …-vault)."""
    raise NotImplementedError


def perform(
    operation: str, *, connection: str, target: str, parent: str = "", payload: dict[str, Any]
) -> Outcome:
    """Validates, opens the sealed values of `payload`, sends one request, never retries. Never raises an outcome."""
    raise NotImplementedError


def request_preview(
    operation: str, *, connection: str, target: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """{"method", "url", "body"} of what `perform` would send, secrets masked."""
    raise NotImplementedError


def credential_probe(*, connection: str, api_key: str, password: str) -> None:
    """Tries a credential with one harmless read. Raises ProvisioningError."""
    raise NotImplementedError


__all__ = [
    "Accepted",
    "EntityNotFound",
    "NotAuthorised",
    "NotSent",
    "Outcome",
    "OutcomeUnknown",
    "ProvisioningError",
    "Refused",
    "Sealed",
    "adapter_settings",
    "connector_list",
    "credential_probe",
    "entity_read",
    "mask",
    "merchant_list",
    "merchant_user_list",
    "perform",
    "request_preview",
    "tenant_list",
]
