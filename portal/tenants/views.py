"""The tenants' pages: list, page with history, edit. There is no create: the API has no operation for it."""

from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.changes.errors import InvalidState
from portal.changes.generic_views import EntityEditView
from portal.changes.stale_changes import load_entity_history
from portal.core.choices import currency_choices
from portal.core.views import PortalView
from portal.directory.detail import load_entity
from portal.directory.list_views import ListFilter
from portal.directory.models import IndexedEntity
from portal.directory.services import ListState, find_entity, refresh_list_if_stale, visible_entities
from portal.directory.views import ConnectionMixin, EntityListView
from portal.tenants.forms import TenantEditForm

OWN_WORDS = (
    "The API key belongs to this tenant. The API lists and changes only the tenants below it, so you can "
    "change this tenant only in the platform’s own interface."
)


class TenantListView(EntityListView):
    """`/<connection>/tenants/`."""

    access = "tenant.view"
    kind = "tenant"
    template_name = "tenants/list.html"
    sorts = EntityListView.sorts | {
        "currency": ("currency", "sort_key"),
        "-currency": ("-currency", "sort_key"),
    }

    def filters(self, state: ListState) -> list[ListFilter]:
        """None: tenants are few, and can be neither disabled nor archived."""
        return []


class TenantTab(ConnectionMixin, PortalView):
    """A tab of one tenant."""

    access = "tenant.view"
    tab: ClassVar[str] = ""

    @cached_property
    def entry(self) -> IndexedEntity:
        """The tenant's row. Raises UnknownEntity (404)."""
        place = {"connection": self.kwargs["connection"], "guid": self.kwargs["guid"]}
        return find_entity(user=self.request.user, kind="tenant", **place)

    def frame(self, entry: IndexedEntity) -> dict[str, Any]:
        """What every tab shows around its content."""
        own = bool(entry.fields.get("own"))
        return {"entry": entry, "tab": self.tab, "own": own, "own_words": OWN_WORDS}


class TenantPage(TenantTab):
    """`…/tenants/<guid>/`: the overview, read fresh."""

    tab = "overview"

    def get(self, request: HttpRequest, connection: str, guid: str) -> HttpResponse:
        """The tenant's properties, and the way to its merchants."""
        reading = load_entity(self.entry)
        lists = refresh_list_if_stale(connection=connection, kind="merchant", parent=guid)
        merchants = visible_entities(user=request.user, connection=connection, kind="merchant")
        context = {
            "reading": reading,
            "facts": tenant_facts(dict(reading.values)),
            "merchants": merchants.filter(parent_guid=guid).count() if lists.loaded else None,
        }
        return render(request, "tenants/page.html", self.frame(reading.entry) | context)


class TenantHistory(TenantTab):
    """`…/tenants/<guid>/history/`."""

    tab = "history"

    def get(self, request: HttpRequest, connection: str, guid: str) -> HttpResponse:
        """The latest events about this tenant."""
        history = load_entity_history(connection=connection, guid=guid, query=request.GET)
        return render(request, "tenants/history.html", self.frame(self.entry) | {"history": history})


class TenantEdit(ConnectionMixin, EntityEditView):
    """`…/tenants/<guid>/edit/`."""

    operation = "tenant.update"
    form_class = TenantEditForm

    def entry(self) -> IndexedEntity:
        """The tenant's row. Raises NotPossible for the key's own tenant."""
        entry = super().entry()
        if entry.fields.get("own"):
            raise InvalidState(OWN_WORDS)
        return entry


def tenant_facts(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """(label, value to show) of every property, the currency with its name."""
    labels = {name: str(field.label or name) for name, field in TenantEditForm.base_fields.items()}
    code = values.get("defaultCurrency")
    shown = values | {"defaultCurrency": dict(currency_choices()).get(str(code), code)}
    return [(label, shown.get(name)) for name, label in labels.items()] + [("Domain", values.get("domain"))]
