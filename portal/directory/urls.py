"""Addresses of the global search and of the page of a user's tenant access."""

from django.urls import path

from portal.directory.search_views import SearchView
from portal.directory.tenant_access_views import TenantAccessView

urlpatterns = [
    path("search/", SearchView.as_view(), name="search"),
    path("staff/<int:pk>/tenants/", TenantAccessView.as_view(), name="reach"),
]
