"""Addresses of the index itself: the global search."""

from django.urls import path

from portal.directory.views import SearchView

urlpatterns = [path("search/", SearchView.as_view(), name="search")]
