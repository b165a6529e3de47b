"""Entity pages: read fresh from the gateway in one call; from the index, with a banner, when it is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.directory.background import enqueue_large_lists
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import update_entity
from provisioning import service
from provisioning.gateway.errors import EntityNotFound, NotAuthorised, ProvisioningError


@dataclass(frozen=True, slots=True)
class EntityReading:
    """What is known of an entity now. `fresh` is False if `values` come from the index because of `error`.

    `large`: its list is too long for a page to read, so `values` come from the index, too.
    `problems` names the properties that the gateway answered in a way that cannot be read.
    """

    entry: IndexedEntity
    values: Mapping[str, Any]
    error: ProvisioningError | None = None
    large: bool = False
    problems: Sequence[str] = ()

    @property
    def fresh(self) -> bool:
        """Whether the gateway just said so."""
        return self.error is None and not self.large

    @property
    def refused(self) -> bool:
        """Whether the gateway answered, and does not accept the stored credential."""
        return isinstance(self.error, NotAuthorised)

    @property
    def gone(self) -> bool:
        """Whether the gateway answered, and does not list the entity (any more)."""
        return isinstance(self.error, EntityNotFound)


def load_entity(entry: IndexedEntity) -> EntityReading:
    """Reads one entity; the index row follows what is read. Never raises for the gateway.

    The API reads no single entity. Where its list is long, a background worker keeps the row current.
    """
    unreadable = entry.fields.get("unreadable", ())
    lists = ListSync.objects.filter(
        connection=entry.connection, kind=entry.kind, parent_guid=entry.parent_guid
    )
    if lists.exclude(size=ListSync.Size.ORDINARY).filter(refreshed_at__isnull=False).exists():
        enqueue_large_lists(connection=entry.connection)
        return EntityReading(entry, entry.fields, large=True, problems=unreadable)
    try:
        entity = service.read_entity(
            connection=entry.connection, kind=entry.kind, parent=entry.parent_guid, guid=entry.guid
        )
    except ProvisioningError as error:
        return EntityReading(entry, entry.fields, error, problems=unreadable)
    return EntityReading(update_entity(entry=entry, entity=entity), entity.values, problems=entity.problems)
