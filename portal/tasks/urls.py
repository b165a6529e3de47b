"""Addresses of background work."""

from django.urls import path

from portal.tasks.views import CancelView, ListView, RetryView

app_name = "tasks"
urlpatterns = [
    path("", ListView.as_view(), name="list"),
    path("<uuid:pk>/cancel/", CancelView.as_view(), name="cancel"),
    path("<uuid:pk>/retry/", RetryView.as_view(), name="retry"),
]
