"""Entity pages: read fresh from the gateway in one call; from the index, with a banner, when it is away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.directory.models import Entry
from portal.directory.services import entry_follow
from provisioning import service
from provisioning.gateway.errors import EntityNotFound, NotAuthorised, ProvisioningError


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of an entity now. `fresh` is False if `values` come from the index because of `error`."""

    entry: Entry
    values: Mapping[str, Any]
    error: ProvisioningError | None = None

    @property
    def fresh(self) -> bool:
        """Whether the gateway just said so."""
        return self.error is None

    @property
    def refused(self) -> bool:
        """Whether the gateway answered, and does not accept the stored credential."""
        return isinstance(self.error, NotAuthorised)

    @property
    def gone(self) -> bool:
        """Whether the gateway answered, and does not list the entity (any more)."""
        return isinstance(self.error, EntityNotFound)


def entity_reading(entry: Entry) -> Reading:
    """Reads one entity; the index row follows what is read. Never raises for the gateway."""
    try:
        entity = service.entity_read(
            connection=entry.connection, kind=entry.kind, parent=entry.parent_guid, guid=entry.guid
        )
    except ProvisioningError as error:
        return Reading(entry, entry.fields, error)
    return Reading(entry_follow(entry=entry, entity=entity), entity.values)
