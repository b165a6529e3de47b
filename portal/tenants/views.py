"""Pages of tenants: list, overview, history, edit. The API has no operation that creates one."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from portal.changes.errors import InvalidState
from portal.changes.generic_views import EntityEditView, EntityHistoryView
from portal.core.choices import currency_choices
from portal.core.tables import Filter
from portal.core.views import ConnectionMixin
from portal.directory.detail import EntityDetailView, EntityOverview, EntityReading
from portal.directory.list_views import EntityListView
from portal.directory.models import IndexedEntity
from portal.directory.paging import KeysetPage
from portal.directory.services import ListState, refresh_list_if_stale, visible_entities
from portal.tenants.forms import TenantEditForm

OWN_WORDS = (
    "The API key belongs to this tenant. The API lists and changes only the tenants below it, so you can "
    "change this tenant only in the platform’s own interface."
)


class TenantListView(EntityListView):
    """List the tenants of a connection."""

    access = "tenant.view"
    kind = "tenant"
    template_name = "tenants/list.html"
    table_label = "Tenants"
    search_label = "Name or GUID"
    sorts = EntityListView.sorts | {
        "currency": ("currency", "sort_key"),
        "-currency": ("-currency", "sort_key"),
    }

    def filters(self, state: ListState) -> list[Filter]:
        """Offer no filters: there are few tenants, and they cannot be disabled or archived."""
        return []

    def page_context(self, page: KeysetPage) -> dict[str, Any]:
        """Add the address of the list of its merchants to every tenant."""
        prefix = reverse("merchants:list", args=[self.connection])
        for row in page.object_list:
            row["merchants_url"] = f"{prefix}?{urlencode({'tenant': row['guid']})}"
        return {}


class TenantDetail(EntityDetailView):
    """A tab of one tenant."""

    access = "tenant.view"
    entity_kind = "tenant"

    def get_base_context(self) -> dict[str, Any]:
        """Add whether this is the API key's own tenant, which cannot be changed."""
        own = bool(self.entry.fields.get("own"))
        return super().get_base_context() | {"own": own, "own_words": OWN_WORDS}


class TenantPage(TenantDetail, EntityOverview):
    """Show the overview of a tenant."""

    template_name = "tenants/page.html"

    def get_overview_context(self, reading: EntityReading) -> dict[str, Any]:
        """Return the tenant's properties and the number of its merchants, None if that is not known."""
        place: dict[str, Any] = {"connection": self.entry.connection, "kind": "merchant"}
        lists = refresh_list_if_stale(**place, parent=self.entry.guid)
        merchants = visible_entities(user=self.request.user, **place).filter(parent_guid=self.entry.guid)
        return {
            "facts": tenant_facts(dict(reading.values)),
            "merchants": merchants.count() if lists.loaded else None,
        }


class TenantHistory(TenantDetail, EntityHistoryView):
    """Show the history of a tenant."""

    template_name = "tenants/history.html"


class TenantEdit(ConnectionMixin, EntityEditView):
    """Edit the base data of a tenant."""

    operation = "tenant.update"
    form_class = TenantEditForm

    def entry(self) -> IndexedEntity:
        """Return the tenant's row. Raises InvalidState for the API key's own tenant."""
        entry = super().entry()
        if entry.fields.get("own"):
            raise InvalidState(OWN_WORDS)
        return entry


def tenant_facts(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return (label, value to show) for each property, the currency with its name."""
    labels = {name: str(field.label or name) for name, field in TenantEditForm.base_fields.items()}
    code = values.get("defaultCurrency")
    shown = values | {"defaultCurrency": dict(currency_choices()).get(str(code), code)}
    return [(label, shown.get(name)) for name, label in labels.items()] + [("Domain", values.get("domain"))]
