"""The merchants' pages that read: the list, and a merchant with its tabs."""

from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.changes.stale_changes import load_entity_history
from portal.core.choices import country_choices, currency_choices
from portal.core.views import PortalView
from portal.directory.detail import load_entity
from portal.directory.list_views import STATUSES, ListFilter, label_options, query_param
from portal.directory.models import IndexedEntity
from portal.directory.services import (
    ListState,
    find_entity,
    get_parents,
    refresh_list,
    refresh_list_if_stale,
    refresh_stale_lists,
    visible_entities,
)
from portal.directory.views import ConnectionMixin, EntityListView
from portal.merchants.detail import merchant_facts, next_steps
from provisioning.entities import ENTITY_KINDS

# How long a list over all tenants waits for stale ones; the rest says how old it is.
REFRESH_BUDGET = 2.0


class ConnectionStart(ConnectionMixin, PortalView):
    """`/<connection>/`: no page of its own, but people shorten addresses."""

    access = "merchant.view"

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """To the merchants."""
        return redirect("merchants:list", connection=connection)


class MerchantListView(EntityListView):
    """`/<connection>/merchants/`: all merchants, or those of `?tenant=`."""

    access = "merchant.view"
    kind = "merchant"
    template_name = "merchants/list.html"
    unit = "tenants"
    sorts = EntityListView.sorts | {
        "country": ("country", "sort_key"),
        "-country": ("-country", "sort_key"),
        "currency": ("currency", "sort_key"),
        "-currency": ("-currency", "sort_key"),
    }
    json_sorts = ("externalId",)

    @cached_property
    def tenants(self) -> dict[str, str]:
        """Guid → name of the known tenants, by name."""
        refresh_list_if_stale(connection=self.connection, kind="tenant")
        rows = visible_entities(user=self.request.user, connection=self.connection, kind="tenant")
        return dict(rows.order_by("sort_key").values_list("guid", "name"))

    @property
    def tenant(self) -> str:
        """Guid of the chosen tenant; "" for all, or for one nobody knows."""
        wanted = query_param(self.request.GET, "tenant")
        return wanted if wanted in self.tenants else ""

    @property
    def parent(self) -> str:
        """The chosen tenant."""
        return self.tenant

    def ensure(self) -> ListState:
        """The chosen tenant's list; otherwise as many stale ones as the budget allows."""
        if self.tenant:
            return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.tenant)
        tenants = refresh_list_if_stale(connection=self.connection, kind="tenant")
        if not self.tenants:
            return tenants
        lists = refresh_stale_lists(
            connection=self.connection, kind=self.kind, parents=list(self.tenants), budget=REFRESH_BUDGET
        )
        return lists.below(tenants)

    def refresh(self) -> ListState:
        """Reads the chosen tenant's merchants, or the tenants and every list of theirs within the budget."""
        if self.tenant:
            return refresh_list(connection=self.connection, kind=self.kind, parent=self.tenant)
        tenants = refresh_list(connection=self.connection, kind="tenant")
        if tenants.away or not self.tenants:
            return tenants
        return refresh_stale_lists(
            connection=self.connection,
            kind=self.kind,
            parents=list(self.tenants),
            budget=3 * REFRESH_BUDGET,
            max_age=0,
        )

    def filters(self, state: ListState) -> list[ListFilter]:
        """By tenant, status, country and currency; only countries and currencies that occur are offered."""
        facets = state.facets or {}
        return [
            self.choice("tenant", "Tenant", list(self.tenants.items())),
            self.choice("status", "Status", list(STATUSES)),
            self.choice("country", "Country", label_options(facets.get("country", []), country_choices())),
            self.choice(
                "currency", "Currency", label_options(facets.get("currency", []), currency_choices())
            ),
        ]

    def page_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """Adds the tenant's name to every row."""
        for row in context["page"].object_list:
            row["tenant"] = self.tenants.get(row["tenant_guid"], row["tenant_guid"])
        return {"tenant": self.tenant, "tenant_name": self.tenants.get(self.tenant, "")}


class MerchantTab(ConnectionMixin, PortalView):
    """A tab of one merchant; the entry comes from the index, or is looked for at the gateway."""

    access = "merchant.view"
    tab: ClassVar[str] = ""

    @cached_property
    def entry(self) -> IndexedEntity:
        """The merchant's row. Raises UnknownEntity (404)."""
        place = {"connection": self.kwargs["connection"], "guid": self.kwargs["guid"]}
        return find_entity(user=self.request.user, kind="merchant", **place)

    def frame(self, entry: IndexedEntity) -> dict[str, Any]:
        """What every tab shows around its content."""
        return {"entry": entry, "parents": get_parents(entry), "tab": self.tab}


class MerchantPage(MerchantTab):
    """`…/merchants/<guid>/`: the overview, read fresh."""

    tab = "overview"

    def get(self, request: HttpRequest, connection: str, guid: str) -> HttpResponse:
        """Facts in groups, and what is still missing before the merchant can go live."""
        reading = load_entity(self.entry)
        context = {
            "reading": reading,
            "facts": merchant_facts(reading.values),
            "steps": next_steps(reading.entry, look=reading.fresh or reading.large),
        }
        return render(request, "merchants/page.html", self.frame(reading.entry) | context)


# What belongs to a merchant, by the names that audit events and permissions have for it.
CHILD_KINDS = (*ENTITY_KINDS["merchant"].children, "routing")


class MerchantHistory(MerchantTab):
    """`…/merchants/<guid>/history/`: who changed what, when and why."""

    tab = "history"

    def get(self, request: HttpRequest, connection: str, guid: str) -> HttpResponse:
        """The latest events about this merchant and what belongs to it, of what the person may see."""
        history = load_entity_history(
            connection=connection,
            guid=self.entry.guid,
            query=request.GET,
            child_kinds=[kind for kind in CHILD_KINDS if request.user.has_perm(f"{kind}.view")],
        )
        return render(request, "merchants/history.html", self.frame(self.entry) | {"history": history})


class MerchantChildren(MerchantTab, EntityListView):
    """A tab that lists what belongs to the merchant."""

    def ensure(self) -> ListState:
        """The list of this merchant, which must exist."""
        return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.entry.guid)

    def refresh(self) -> ListState:
        """As above, whatever its age."""
        return refresh_list(connection=self.connection, kind=self.kind, parent=self.entry.guid)

    def page_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """The merchant around the list."""
        return self.frame(self.entry)


class MerchantUsers(MerchantChildren):
    """`…/merchants/<guid>/users/`."""

    access = "merchant_user.view"
    kind = "merchant_user"
    tab = "users"
    template_name = "merchants/users.html"


class MerchantConnectors(MerchantChildren):
    """`…/merchants/<guid>/connectors/`."""

    access = "connector.view"
    kind = "connector"
    tab = "connectors"
    template_name = "merchants/connectors.html"
