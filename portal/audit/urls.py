"""Addresses of the audit trail."""

from django.urls import path

from portal.audit.export import EventExportView
from portal.audit.views import EventListView, EventView

app_name = "audit"
urlpatterns = [
    path("", EventListView.as_view(), name="list"),
    path("export/", EventExportView.as_view(), name="export"),
    path("<int:sequence>/", EventView.as_view(), name="page"),
]
