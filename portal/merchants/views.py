"""Pages of merchants: list, overview, history, children, create, edit, disable, archive."""

from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.changes.generic_views import EntityActionView, EntityCreateView, EntityEditView, EntityHistoryView
from portal.changes.models import Change
from portal.core.choices import country_choices, currency_choices
from portal.core.tables import Column, Filter
from portal.core.text import query_param
from portal.core.views import ConnectionMixin, PortalView
from portal.directory.detail import EntityDetailView, EntityOverview, EntityReading
from portal.directory.list_views import STATUSES, EntityListView, label_options
from portal.directory.models import IndexedEntity
from portal.directory.paging import KeysetPage
from portal.directory.services import (
    ListState,
    refresh_list,
    refresh_list_if_stale,
    refresh_stale_lists,
    visible_entities,
)
from portal.merchants.detail import describe_children, merchant_facts, next_steps
from portal.merchants.forms import MerchantCreateForm, MerchantEditForm
from provisioning.entities import ENTITY_KINDS

# Seconds that a list of all tenants' merchants spends reading stale lists.
REFRESH_BUDGET = 2.0


class ConnectionStart(ConnectionMixin, PortalView):
    """`/<connection>/`: a shortened address, which leads to the merchants."""

    access = "merchant.view"

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Redirect to the merchants."""
        return redirect("merchants:list", connection=connection)


class MerchantListView(EntityListView):
    """`/<connection>/merchants/`: all merchants, or those of `?tenant=`."""

    access = "merchant.view"
    kind = "merchant"
    template_name = "merchants/list.html"
    table_label = "Merchants"
    search_label = "Name, GUID, website …"
    unit = "tenants"
    sorts = EntityListView.sorts | {
        "country": ("country", "sort_key"),
        "-country": ("-country", "sort_key"),
        "currency": ("currency", "sort_key"),
        "-currency": ("-currency", "sort_key"),
    }

    @cached_property
    def tenants(self) -> dict[str, str]:
        """GUID → name of the known tenants, sorted by name."""
        refresh_list_if_stale(connection=self.connection, kind="tenant")
        rows = visible_entities(user=self.request.user, connection=self.connection, kind="tenant")
        return dict(rows.order_by("sort_key").values_list("guid", "name"))

    @property
    def tenant(self) -> str:
        """GUID of the chosen tenant; "" for all, or if it is unknown."""
        wanted = query_param(self.request.GET, "tenant")
        return wanted if wanted in self.tenants else ""

    @property
    def parent(self) -> str:
        """The GUID of the chosen tenant."""
        return self.tenant

    def ensure(self) -> ListState:
        """Read the chosen tenant's list if it is stale; for all tenants, as many as the budget allows."""
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
        """Read the chosen tenant's merchants, or the tenants and every list of theirs within the budget."""
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

    def filters(self, state: ListState) -> list[Filter]:
        """Return filters by tenant, status, country and currency. Only values that occur are offered."""
        facets = state.facets or {}
        return [
            self.choice("tenant", "Tenant", list(self.tenants.items())),
            self.choice("status", "Status", list(STATUSES)),
            self.choice("country", "Country", label_options(facets.get("country", []), country_choices())),
            self.choice(
                "currency", "Currency", label_options(facets.get("currency", []), currency_choices())
            ),
        ]

    def columns(self) -> list[Column]:
        """Leave out the tenant if all rows have the same."""
        return [column for column in super().columns() if column.label != "Tenant" or not self.tenant]

    def page_context(self, page: KeysetPage) -> dict[str, Any]:
        """Add the tenant's name to every row."""
        for row in page.object_list:
            row["tenant"] = self.tenants.get(row["tenant_guid"], row["tenant_guid"])
        return {"tenant": self.tenant, "tenant_name": self.tenants.get(self.tenant, "")}


class MerchantDetail(EntityDetailView):
    """A tab of one merchant."""

    access = "merchant.view"
    entity_kind = "merchant"


class MerchantPage(MerchantDetail, EntityOverview):
    """Show the overview of a merchant."""

    template_name = "merchants/page.html"

    def get_overview_context(self, reading: EntityReading) -> dict[str, Any]:
        """Return the properties in groups, and what is missing before the merchant can go live."""
        return {
            "facts": merchant_facts(reading.values),
            "steps": next_steps(reading.entry, look=reading.fresh or reading.large),
        }


class MerchantHistory(MerchantDetail, EntityHistoryView):
    """`…/merchants/<guid>/history/`: also the events of its children, as far as the user may see them."""

    template_name = "merchants/history.html"

    def get_child_kinds(self) -> list[str]:
        """Return the kinds of children that the user has permission to view."""
        kinds = (*ENTITY_KINDS["merchant"].children, "routing")
        return [kind for kind in kinds if self.request.user.has_perm(f"{kind}.view")]


class MerchantChildren(EntityListView, MerchantDetail):
    """A tab that lists the children of a merchant of one kind."""

    hidden_columns = frozenset({"Merchant"})

    def ensure(self) -> ListState:
        """Read this merchant's list if it is old. Raises UnknownEntity (404)."""
        return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.entry.guid)

    def refresh(self) -> ListState:
        """Read this merchant's list. Raises UnknownEntity (404)."""
        return refresh_list(connection=self.connection, kind=self.kind, parent=self.entry.guid)

    def page_context(self, page: KeysetPage) -> dict[str, Any]:
        """Return what every tab of the merchant shows."""
        return self.get_base_context()


class MerchantUsers(MerchantChildren):
    """List the users of a merchant."""

    access = "merchant_user.view"
    kind = "merchant_user"
    tab = "users"
    template_name = "merchants/users.html"
    table_label = "Users"
    search_label = "Username, name, email, GUID"


class MerchantConnectors(MerchantChildren):
    """List the connectors of a merchant."""

    access = "connector.view"
    kind = "connector"
    tab = "connectors"
    template_name = "merchants/connectors.html"
    table_label = "Connectors"
    search_label = "Name, API key, adapter, GUID"


class MerchantCreate(ConnectionMixin, EntityCreateView):
    """`…/merchants/new/?tenant=<guid>`; without a tenant it asks for one first."""

    operation = "merchant.create"
    form_class = MerchantCreateForm
    parent_kind = "tenant"
    template_name = "merchants/create.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask for the tenant first, unless the address names it."""
        return super().dispatch(request, *args, **kwargs) if self.parent_guid() else self.tenant_page(request)

    def parent_guid(self) -> str:
        """The tenant of the address."""
        return query_param(self.request.GET, "tenant")

    def tenant_page(self, request: HttpRequest) -> HttpResponse:
        """Show the tenants to choose from; if there is only one, redirect to its form."""
        state = refresh_list_if_stale(connection=self.connection, kind="tenant")
        rows = visible_entities(user=request.user, connection=self.connection, kind="tenant")
        tenants = list(rows.order_by("sort_key").values("guid", "name", "fields"))
        if len(tenants) == 1:
            return HttpResponseRedirect(f"{request.path}?tenant={tenants[0]['guid']}")
        return render(request, "merchants/choose_tenant.html", {"tenants": tenants, "state": state})

    def next_links(self, parent: IndexedEntity, change: Change) -> list[tuple[str, str]]:
        """Return links to what a merchant needs before it can take payments."""
        place = {"connection": self.connection, "guid": change.object_guid}
        links = [
            (label, reverse(f"{namespace}:create", kwargs=place))
            for kind, namespace, label in (
                ("connector", "connectors", "Add a connector"),
                ("merchant_user", "merchant_users", "Add a user"),
            )
            if self.may_create(kind)
        ]
        return [*links, *super().next_links(parent, change)]

    def initial(self, parent: IndexedEntity) -> dict[str, Any]:
        """Return the documented time zone and the tenant's currency."""
        return {"timezone": "UTC", "defaultCurrency": parent.fields.get("defaultCurrency", "")}


class MerchantEdit(ConnectionMixin, EntityEditView):
    """Edit the base data of a merchant."""

    operation = "merchant.update"
    form_class = MerchantEditForm


class MerchantAction(ConnectionMixin, EntityActionView):
    """A small change of a merchant. The page says how many connectors and users it affects."""

    operation = "merchant.update"
    affects: ClassVar[str] = "Affects"

    def page_context(self, entry: IndexedEntity | None) -> dict[str, Any]:
        """Return `affected`, for example "Affects 2 connectors and 1 user."; numbers not read are unknown."""
        if entry is None:
            return {}
        return {"affected": f"{self.affects} {describe_children(next_steps(entry, look=True))}."}


class MerchantDisable(MerchantAction):
    """Disable a merchant after confirmation."""

    changes = {"disabled": True}
    title = "Disable this merchant"
    consequence = (
        "This disables its connectors and users immediately: no payments, no sign-ins. Nothing is deleted. "
        "You can enable the merchant again."
    )
    button = "Review: disable"
    reason_required = True
    affects = "Disables"


class MerchantEnable(MerchantAction):
    """Enable a merchant after confirmation."""

    changes = {"disabled": False}
    title = "Enable this merchant"
    consequence = (
        "This enables the merchant. Connectors and users that are enabled themselves work again immediately, "
        "and connectors that are not in test mode take real payments."
    )
    button = "Review: enable"
    affects = "Belongs to it:"


class MerchantArchive(MerchantAction):
    """Archive a merchant after confirmation."""

    changes = {"archived": True}
    title = "Archive this merchant"
    consequence = (
        "For merchants that are no longer needed. In the platform’s own interface, archiving also "
        "archives and disables connectors, users and templates. The documentation of the API does not say "
        "what happens to them, so check them afterwards. You can un-archive the merchant again."
    )
    button = "Review: archive"
    reason_required = True


class MerchantUnarchive(MerchantAction):
    """Un-archive a merchant after confirmation."""

    changes = {"archived": False}
    title = "Un-archive this merchant"
    consequence = (
        "The merchant is listed again. It may still be disabled, and so may its connectors and users. Its "
        "page says so, and you can enable each of them."
    )
    button = "Review: un-archive"
    reason_required = True
    affects = "Belongs to it:"
