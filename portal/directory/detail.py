"""Pages of one entity: read from the gateway in one call, or from the index, with a banner, if that fails.

An entity app declares a subclass of EntityDetailView with its kind, and a subclass of that for each tab.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.core.navigation import get_detail_tabs
from portal.core.views import ConnectionMixin, PortalView
from portal.directory.background import enqueue_large_lists
from portal.directory.list_views import get_effective_status
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import find_entity, get_parents, update_entity
from provisioning import service
from provisioning.entities import ENTITY_KINDS
from provisioning.gateway.error_codes import get_read_advice, get_read_cause
from provisioning.gateway.errors import EntityNotFound, NotAuthorised, ProvisioningError


@dataclass(frozen=True, slots=True)
class EntityReading:
    """What is known of an entity now. If there is an `error`, `values` come from the index.

    `large`: its list is too long for a page to read, so `values` come from the index as well.
    `problems` names the properties whose values in the answer cannot be used.
    """

    entry: IndexedEntity
    values: Mapping[str, Any]
    error: ProvisioningError | None = None
    large: bool = False
    problems: Sequence[str] = ()

    @property
    def fresh(self) -> bool:
        """Whether the values were read from the gateway just now."""
        return self.error is None and not self.large

    @property
    def refused(self) -> bool:
        """Whether the gateway answered that it does not accept the stored credential."""
        return isinstance(self.error, NotAuthorised)

    @property
    def cause(self) -> str:
        """Why the entity could not be read."""
        return get_read_cause(self.error) if self.error else ""

    @property
    def advice(self) -> str:
        """What to do about it."""
        return get_read_advice(self.error) if self.error else ""

    @property
    def gone(self) -> bool:
        """Whether the gateway answered and does not list the entity."""
        return isinstance(self.error, EntityNotFound)


def load_entity(entry: IndexedEntity) -> EntityReading:
    """Read one entity and update its row. A failure of the gateway is returned, not raised.

    The API cannot read a single entity. If its list is long, a background worker keeps the row current.
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


class EntityDetailView(ConnectionMixin, PortalView):
    """A tab of an entity's page, below `/<connection>/…/<guid>/`.

    A subclass declares `entity_kind`, `access`, `tab` and `template_name`, which extends
    directory/detail_base.html. Template context: entry, parents (the rows above it, tenant first), kind (an
    EntityKind), status (of the badge), tabs (NavLink), and what `get_tab_context` adds.
    """

    entity_kind: ClassVar[str] = ""
    tab: ClassVar[str] = ""
    template_name: ClassVar[str] = ""

    @cached_property
    def entry(self) -> IndexedEntity:
        """The index row of the entity in the address. Raises UnknownEntity (404)."""
        return find_entity(
            user=self.request.user,
            connection=self.kwargs["connection"],
            kind=self.entity_kind,
            guid=self.kwargs["guid"],
        )

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the tab below the heading of the entity."""
        tab_context = self.get_tab_context()
        return render(request, self.template_name, self.get_base_context() | tab_context)

    def get_base_context(self) -> dict[str, Any]:
        """Return what every tab shows around its content."""
        parents = get_parents(self.entry)
        status = get_effective_status(self.entry, parents)
        tabs = get_detail_tabs(
            self.request.user,
            kind=self.entity_kind,
            connection=self.entry.connection,
            guid=self.entry.guid,
            current=self.tab,
        )
        kind = ENTITY_KINDS[self.entity_kind]
        return {"entry": self.entry, "parents": parents, "kind": kind, "status": status, "tabs": tabs}

    def get_tab_context(self) -> dict[str, Any]:
        """Return what this tab shows. It may replace `entry` by a newer row."""
        return {}


class EntityOverview(EntityDetailView):
    """The first tab: the properties of the entity, read from the gateway now. Context: also reading."""

    tab = "overview"

    def get_tab_context(self) -> dict[str, Any]:
        """Read the entity; the page then shows the row that follows what was read."""
        reading = load_entity(self.entry)
        self.entry = reading.entry
        return {"reading": reading} | self.get_overview_context(reading)

    def get_overview_context(self, reading: EntityReading) -> dict[str, Any]:
        """Return what the overview of this kind shows."""
        return {}
