"""The merchants' pages that write: create, edit, disable, enable, archive. portal.changes does the work."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from portal.changes.generic_views import EntityActionView, EntityCreateView, EntityEditView
from portal.changes.models import Change
from portal.directory.list_views import query_param
from portal.directory.models import IndexedEntity
from portal.directory.services import refresh_list_if_stale, visible_entities
from portal.directory.views import ConnectionMixin
from portal.merchants.detail import describe_children, next_steps
from portal.merchants.forms import MerchantCreateForm, MerchantEditForm


class MerchantCreate(ConnectionMixin, EntityCreateView):
    """`…/merchants/new/?tenant=<guid>`; without a tenant it asks for one first."""

    operation = "merchant.create"
    form_class = MerchantCreateForm
    parent_kind = "tenant"
    template_name = "merchants/create.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A merchant belongs to a tenant: where there is only one, nobody is asked."""
        return super().dispatch(request, *args, **kwargs) if self.parent_guid() else self.tenant_page(request)

    def parent_guid(self) -> str:
        """The tenant of the address."""
        return query_param(self.request.GET, "tenant")

    def tenant_page(self, request: HttpRequest) -> HttpResponse:
        """The tenants to choose from."""
        state = refresh_list_if_stale(connection=self.connection, kind="tenant")
        rows = visible_entities(user=request.user, connection=self.connection, kind="tenant")
        tenants = list(rows.order_by("sort_key").values("guid", "name", "fields"))
        if len(tenants) == 1:
            return HttpResponseRedirect(f"{request.path}?tenant={tenants[0]['guid']}")
        return render(request, "merchants/choose_tenant.html", {"tenants": tenants, "state": state})

    def next_links(self, parent: IndexedEntity, change: Change) -> list[tuple[str, str]]:
        """What a merchant needs before it can take payments."""
        place = {"connection": self.connection, "guid": change.object_guid}
        links = [
            (label, reverse(f"{room}:create", kwargs=place))
            for kind, room, label in (
                ("connector", "connectors", "Add a connector"),
                ("merchant_user", "merchant_users", "Add a user"),
            )
            if self.may_create(kind)
        ]
        return [*links, *super().next_links(parent, change)]

    def initial(self, parent: IndexedEntity) -> dict[str, Any]:
        """The documented time zone, and the tenant's own currency."""
        return {"timezone": "UTC", "defaultCurrency": parent.fields.get("defaultCurrency", "")}


class MerchantEdit(ConnectionMixin, EntityEditView):
    """`…/merchants/<guid>/edit/`."""

    operation = "merchant.update"
    form_class = MerchantEditForm


class MerchantAction(ConnectionMixin, EntityActionView):
    """One small change of a merchant; the page says how many connectors and users it affects."""

    operation = "merchant.update"
    affects: ClassVar[str] = "Affects"

    def page_context(self, entry: IndexedEntity | None) -> dict[str, Any]:
        """`affected`: such as "Affects 2 connectors and 1 user."; what was not read is said to be unknown."""
        if entry is None:
            return {}
        return {"affected": f"{self.affects} {describe_children(next_steps(entry, look=True))}."}


class MerchantDisable(MerchantAction):
    """`…/merchants/<guid>/disable/`."""

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
    """`…/merchants/<guid>/enable/`."""

    changes = {"disabled": False}
    title = "Enable this merchant"
    consequence = (
        "This enables the merchant. Connectors and users that are enabled themselves work again immediately, "
        "and connectors that are not in test mode take real payments."
    )
    button = "Review: enable"
    affects = "Belongs to it:"


class MerchantArchive(MerchantAction):
    """`…/merchants/<guid>/archive/`."""

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
    """`…/merchants/<guid>/unarchive/`."""

    changes = {"archived": False}
    title = "Un-archive this merchant"
    consequence = (
        "The merchant is listed again. It may still be disabled, and so may its connectors and users. Its "
        "page says so, and you can enable each of them."
    )
    button = "Review: un-archive"
    reason_required = True
    affects = "Belongs to it:"
