"""Addresses of the audit trail."""

from django.urls import path

from portal.audit.daily_review import ReviewDayView, ReviewListView
from portal.audit.exports import ExportFileView, ExportView
from portal.audit.saved_filters import SavedFiltersView, SavedFilterView
from portal.audit.verification.views import AnchorView, VerifyView
from portal.audit.views import ArchiveListView, EventListView, EventView, StreamView, TimelineView

app_name = "audit"
urlpatterns = [
    path("", EventListView.as_view(), name="list"),
    path("timeline/", TimelineView.as_view(), name="timeline"),
    path("review/", ReviewListView.as_view(), name="review"),
    path("review/<str:day>/", ReviewDayView.as_view(), name="review_day"),
    path("filters/", SavedFiltersView.as_view(), name="filters"),
    path("filters/<int:pk>/", SavedFilterView.as_view(), name="filter"),
    path("export/", ExportView.as_view(), name="export"),
    path("export/<uuid:pk>/", ExportFileView.as_view(), name="export_file"),
    path("verify/", VerifyView.as_view(), name="verify"),
    path("anchor/", AnchorView.as_view(), name="anchor"),
    path("archives/", ArchiveListView.as_view(), name="archives"),
    path("stream/", StreamView.as_view(), name="stream"),
    path("<int:sequence>/", EventView.as_view(), name="page"),
]
