"""Addresses of the audit trail."""

from django.urls import path

from portal.audit.export_views import ExportView
from portal.audit.proof_views import AnchorView, VerifyView
from portal.audit.views import EventListView, EventView

app_name = "audit"
urlpatterns = [
    path("", EventListView.as_view(), name="list"),
    path("export/", ExportView.as_view(), name="export"),
    path("verify/", VerifyView.as_view(), name="verify"),
    path("anchor/", AnchorView.as_view(), name="anchor"),
    path("<int:sequence>/", EventView.as_view(), name="page"),
]
