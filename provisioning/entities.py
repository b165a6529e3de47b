"""The kinds of entities at the gateway, and one entity with its secrets sealed.

`ENTITY_KINDS` is the registry: what the portal needs to know of a kind is looked up there.

Source: the response schemas of the contract. Published deviations are accepted as well (README of the
contract, contradictions 1, 4, 5, 6): misspelt keys, permissions as one string, empty maps as empty arrays.
Whatever the gateway answers, each property then has the type of its schema (see entity_values).
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
    """One entity. `values` holds its properties under the contract's names; null counts as absent.

    `parent` is the GUID of the tenant or merchant it belongs to, "" if there is none.
    `problems` names the properties that could not be read, and why; they are missing in `values`.
    """

    kind: ClassVar[str] = ""

    guid: str
    parent: str
    values: Values
    problems: tuple[str, ...] = ()

    @classmethod
    def from_answer(cls, answer: Values, *, parent: str = "") -> Self:
        """Build the entity from one object of an answer. Raises ValueError if it has no usable GUID."""
        guid = validate_guid(answer.get("guid"))
        schema = ENTITY_KINDS[cls.kind].schema
        values, problems = coerce_values(schema, cls.normalise(apply_aliases(answer)))
        return cls(guid=guid, parent=parent, values=MappingProxyType(values), problems=problems)

    @classmethod
    def normalise(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Undo the known deviations of this kind's answers from the schema."""
        return values

    @property
    def name(self) -> str:
        """The display name; the GUID if the entity has none."""
        return str(self.values.get(ENTITY_KINDS[self.kind].name_property) or self.guid)

    @property
    def disabled(self) -> bool:
        """Whether the entity is disabled at the gateway."""
        return bool(self.values.get("disabled"))

    @property
    def archived(self) -> bool:
        """Whether the entity is archived at the gateway."""
        return bool(self.values.get("archived"))

    @property
    def created_at(self) -> datetime | None:
        """When the gateway created the entity (UTC); None if the gateway does not say."""
        return parse_datetime(self.values.get("createdAt"))


class Tenant(Entity):
    """A tenant, as schema Tenant of list-tenants describes it."""

    __slots__ = ()
    kind = "tenant"


class Merchant(Entity):
    """A merchant, as schema Merchant of list-merchants describes it."""

    __slots__ = ()
    kind = "merchant"


class MerchantUser(Entity):
    """A user, as schema MerchantUser of list-merchant-users describes it."""

    __slots__ = ()
    kind = "merchant_user"

    @classmethod
    def normalise(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Split permissions: an array in the schema, one space-separated string in a published answer."""
        permissions = values.get("permissions")
        if isinstance(permissions, str):
            values["permissions"] = permissions.split()
        return values


class Connector(Entity):
    """A connector, as schema Connector of list-connectors describes it."""

    __slots__ = ()
    kind = "connector"

    @property
    def is_meta(self) -> bool:
        """Whether the connector routes to other connectors instead of a PSP."""
        values = self.values
        return bool(
            values.get("isMetaConnector")
            or values.get("routingMetaConnector")
            or values.get("multiMethodMetaConnector")
            or values.get("adapter") == "MetaConnector"
        )


class RoutingDocument(Entity):
    """The rules of one meta-connector, whose GUID it has; its parent is the merchant.

    It is read and written as a whole and never listed, so it is not one of `ENTITY_KINDS`.
    """

    __slots__ = ()
    kind = "routing"

    @property
    def name(self) -> str:
        """Return the GUID of the connector: a document has no name."""
        return self.guid


@dataclass(frozen=True, slots=True)
class EntityKind:
    """What the portal knows of one kind of entity.

    `kind` is the stored name; permissions and operations begin with it. `label` and `plural` are for use in a
    sentence ("merchant user"), `title` for a heading. `parent` is the kind it belongs to, "" for tenants.
    `identifying` are the properties by which an entity is recognised while its GUID is unknown.
    """

    kind: str
    label: str
    plural: str
    title: str
    entity_class: type[Entity]
    schema: str
    parent: str = ""
    name_property: str = "name"
    identifying: tuple[str, ...] = ("name",)

    @property
    def list_operation(self) -> str:
        """Name of the operation that lists the entities of one parent."""
        return f"{self.kind}.list"

    @property
    def children(self) -> tuple[str, ...]:
        """The kinds that belong to this one."""
        return tuple(other.kind for other in ENTITY_KINDS.values() if other.parent == self.kind)


# Parents come before their children.
ENTITY_KINDS: dict[str, EntityKind] = {
    entity_kind.kind: entity_kind
    for entity_kind in (
        EntityKind("tenant", "tenant", "tenants", "Tenants", Tenant, "Tenant"),
        EntityKind("merchant", "merchant", "merchants", "Merchants", Merchant, "Merchant", parent="tenant"),
        EntityKind(
            "merchant_user",
            "merchant user",
            "merchant users",
            "Merchant users",
            MerchantUser,
            "MerchantUser",
            parent="merchant",
            name_property="username",
            identifying=("username",),
        ),
        EntityKind(
            "connector",
            "connector",
            "connectors",
            "Connectors",
            Connector,
            "Connector",
            parent="merchant",
            identifying=("name", "apiKey"),
        ),
    )
}


__all__ = [
    "ENTITY_KINDS",
    "Connector",
    "Entity",
    "EntityKind",
    "Merchant",
    "MerchantUser",
    "RoutingDocument",
    "Tenant",
    "parse_datetime",
]
