"""The merchants' pages that write: create, edit, disable, enable, archive. portal.changes does the work."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from portal.changes.views import EntityActionView, EntityCreateView, EntityEditView
from portal.directory.listing import asked
from portal.directory.models import Entry
from portal.directory.services import entries_seen, scope_ensure
from portal.directory.views import ConnectionMixin
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
        return asked(self.request.GET, "tenant")

    def tenant_page(self, request: HttpRequest) -> HttpResponse:
        """The tenants to choose from."""
        state = scope_ensure(connection=self.connection, kind="tenant")
        rows = entries_seen(user=request.user, connection=self.connection, kind="tenant")
        tenants = list(rows.order_by("sort_key").values("guid", "name", "fields"))
        if len(tenants) == 1:
            return HttpResponseRedirect(f"{request.path}?tenant={tenants[0]['guid']}")
        return render(request, "merchants/choose_tenant.html", {"tenants": tenants, "state": state})

    def initial(self, parent: Entry) -> dict[str, Any]:
        """The documented time zone, and the tenant's own currency."""
        return {"timezone": "UTC", "defaultCurrency": parent.fields.get("defaultCurrency", "")}


class MerchantEdit(ConnectionMixin, EntityEditView):
    """`…/merchants/<guid>/edit/`."""

    operation = "merchant.update"
    form_class = MerchantEditForm


class MerchantDisable(ConnectionMixin, EntityActionView):
    """`…/merchants/<guid>/disable/`."""

    operation = "merchant.update"
    changes = {"disabled": True}
    title = "Disable this merchant"
    consequence = (
        "Its connectors and users are switched off at once: no payments, no sign-ins. Nothing is deleted: "
        "the merchant can be enabled again."
    )
    button = "Review: disable"
    reason_required = True


class MerchantEnable(ConnectionMixin, EntityActionView):
    """`…/merchants/<guid>/enable/`."""

    operation = "merchant.update"
    changes = {"disabled": False}
    title = "Enable this merchant"
    consequence = (
        "The merchant is switched on: connectors and users that are enabled themselves can be used at once, "
        "and connectors that are not in test mode take real payments."
    )
    button = "Review: enable"


class MerchantArchive(ConnectionMixin, EntityActionView):
    """`…/merchants/<guid>/archive/`."""

    operation = "merchant.update"
    changes = {"archived": True}
    title = "Archive this merchant"
    consequence = (
        "Meant for merchants that are gone for good. In the platform’s own interface archiving also archives "
        "and disables connectors, users and templates; what the API does with them is not documented: look "
        "at them afterwards. To take the merchant back, untick “Archived” on its edit page."
    )
    button = "Review: archive"
    reason_required = True
