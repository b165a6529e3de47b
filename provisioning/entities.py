"""The gateway's entities as the portal sees them: property names of the API, secrets sealed.

Source: the response schemas of the contract. The published slips are read too (README of the contract,
contradictions 1, 4, 5, 6): misspelt keys, permissions as one string, empty maps as empty arrays. Whatever the
gateway answers, every property has the type of its schema afterwards (entity_values).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Self

from provisioning.contract.key_aliases import apply_aliases
from provisioning.entity_values import coerce_values, parse_datetime, validate_guid

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity. `values` holds every property under the contract's names; absent and null are both absent.

    `parent` is the guid it hangs under: a merchant's tenant, a user's or connector's merchant, or "".
    `problems` names the properties that could not be read, and why; they are missing in `values`.
    """

    kind: ClassVar[str] = ""
    schema: ClassVar[str] = ""
    name_property: ClassVar[str] = "name"

    guid: str
    parent: str
    values: Values
    problems: tuple[str, ...] = ()

    @classmethod
    def from_answer(cls, answer: Values, *, parent: str = "") -> Self:
        """Builds the entity from one parsed answer object. Raises ValueError if it carries no usable guid."""
        guid = validate_guid(answer.get("guid"))
        values, problems = coerce_values(cls.schema, cls.normalise(apply_aliases(answer)))
        return cls(guid=guid, parent=parent, values=MappingProxyType(values), problems=problems)

    @classmethod
    def normalise(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Irons out what this kind is known to answer differently from its schema."""
        return values

    @property
    def name(self) -> str:
        """What people call it; the guid if it has no name."""
        return str(self.values.get(self.name_property) or self.guid)

    @property
    def disabled(self) -> bool:
        """Switched off at the gateway."""
        return bool(self.values.get("disabled"))

    @property
    def archived(self) -> bool:
        """Archived at the gateway."""
        return bool(self.values.get("archived"))

    @property
    def created_at(self) -> datetime | None:
        """When the gateway created it (UTC), if it says so."""
        return parse_datetime(self.values.get("createdAt"))


class Tenant(Entity):
    """Schema Tenant (list-tenants)."""

    __slots__ = ()
    kind = "tenant"
    schema = "Tenant"


class Merchant(Entity):
    """Schema Merchant (list-merchants)."""

    __slots__ = ()
    kind = "merchant"
    schema = "Merchant"


class MerchantUser(Entity):
    """Schema MerchantUser (list-merchant-users)."""

    __slots__ = ()
    kind = "merchant_user"
    schema = "MerchantUser"
    name_property = "username"

    @classmethod
    def normalise(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Permissions are an array in the schema and one space-separated string in a published answer."""
        permissions = values.get("permissions")
        if isinstance(permissions, str):
            values["permissions"] = permissions.split()
        return values


class Connector(Entity):
    """Schema Connector (list-connectors)."""

    __slots__ = ()
    kind = "connector"
    schema = "Connector"

    @property
    def is_meta(self) -> bool:
        """Routes to other connectors instead of a PSP."""
        values = self.values
        return bool(
            values.get("isMetaConnector")
            or values.get("routingMetaConnector")
            or values.get("multiMethodMetaConnector")
            or values.get("adapter") == "MetaConnector"
        )


ENTITY_KINDS: dict[str, type[Entity]] = {
    kind.kind: kind for kind in (Tenant, Merchant, MerchantUser, Connector)
}


__all__ = ["ENTITY_KINDS", "Connector", "Entity", "Merchant", "MerchantUser", "Tenant", "parse_datetime"]
