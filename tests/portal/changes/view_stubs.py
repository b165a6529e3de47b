"""Small pages on the generic views, and the addresses of the tests."""

from django import forms
from django.http import HttpResponse
from django.urls import include, path

from portal.changes.base_views import GatewayView
from portal.changes.generic_views import EntityActionView, EntityCreateView, EntityEditView
from portal.core.forms import PayloadForm, Section


class MerchantForm(PayloadForm):
    """A few properties of a merchant."""

    schema = "MerchantCreate"
    name = forms.CharField(label="Name")
    homepage = forms.CharField(label="Web site", required=False)
    timezone = forms.CharField(label="Time zone", required=False)
    address = forms.CharField(label="Address", required=False)
    city = forms.CharField(label="City", required=False)
    zipCode = forms.CharField(label="Post code", required=False)  # noqa: N815
    sections = (Section("All", ("name", "homepage", "timezone", "address", "city", "zipCode")),)


class MerchantEditForm(MerchantForm):
    """The same for an update."""

    schema = "MerchantUpdate"
    disabled = forms.BooleanField(label="Disabled", required=False)
    sections = (Section("All", ("name", "homepage", "timezone", "address", "city", "zipCode", "disabled")),)


class ConnectorForm(PayloadForm):
    """Base data and two secrets of a connector."""

    schema = "ConnectorCreate"
    name = forms.CharField(label="Name")
    adapter = forms.CharField(label="Adapter")
    method = forms.CharField(label="Method")
    apiKey = forms.CharField(label="API key")  # noqa: N815
    sharedSecret = forms.CharField(label="Shared secret", required=False)  # noqa: N815
    nested = {
        "config.password": forms.CharField(label="Password", required=False, widget=forms.PasswordInput)
    }
    sections = (Section("All", ("name", "adapter", "method", "apiKey", "sharedSecret", "config.password")),)


class ConnectorEditForm(ConnectorForm):
    """The same for an update."""

    schema = "ConnectorUpdate"


class MerchantCreate(EntityCreateView):
    operation = "merchant.create"
    parent_kind = "tenant"
    form_class = MerchantForm


class MerchantEdit(EntityEditView):
    operation = "merchant.update"
    form_class = MerchantEditForm


class MerchantDisable(EntityActionView):
    operation = "merchant.update"
    changes = {"disabled": True}
    title = "Disable the merchant"
    consequence = "This disables its connectors and users immediately"
    reason_required = True


class ConnectorCreate(EntityCreateView):
    operation = "connector.create"
    parent_kind = "merchant"
    form_class = ConnectorForm


class ConnectorEdit(EntityEditView):
    operation = "connector.update"
    form_class = ConnectorEditForm


class Page(GatewayView):
    access = "merchant.view"

    def get(self, request, connection, guid):
        return HttpResponse(f"page of {guid}")


def entity_urls(name, *patterns):
    page = path(f"{name}/<str:guid>/", Page.as_view(), name="page")
    return path("<slug:connection>/", include(([*patterns, page], name)))


urlpatterns = [
    path("", include("portal.core.urls")),
    path("", include("portal.staff.urls")),
    path("accounts/", include("portal.staff.account_urls")),
    path("drafts/", include("portal.form_drafts.urls")),
    path("changes/", include("portal.changes.urls")),
    path("tasks/", include("portal.tasks.urls")),
    entity_urls(
        "tenants", path("tenants/<str:guid>/merchants/new/", MerchantCreate.as_view(), name="create")
    ),
    entity_urls(
        "merchants",
        path("merchants/<str:guid>/edit/", MerchantEdit.as_view(), name="edit"),
        path("merchants/<str:guid>/disable/", MerchantDisable.as_view(), name="disable"),
        path("merchants/<str:guid>/connectors/new/", ConnectorCreate.as_view(), name="connect"),
    ),
    entity_urls("connectors", path("connectors/<str:guid>/edit/", ConnectorEdit.as_view(), name="edit")),
]
handler403 = "portal.core.errors.forbidden"
handler404 = "portal.core.errors.not_found"
