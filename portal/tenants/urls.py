"""Addresses of the pages of tenants, below `/<connection>/`."""

from django.urls import path

from portal.tenants import views

app_name = "tenants"
urlpatterns = [
    path("tenants/", views.TenantListView.as_view(), name="list"),
    path("tenants/<str:guid>/", views.TenantPage.as_view(), name="page"),
    path("tenants/<str:guid>/edit/", views.TenantEdit.as_view(), name="edit"),
    path("tenants/<str:guid>/history/", views.TenantHistory.as_view(), name="history"),
]
