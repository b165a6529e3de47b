"""Addresses of the pages of merchants, below `/<connection>/`."""

from django.urls import path

from portal.merchants import views

app_name = "merchants"
urlpatterns = [
    path("", views.ConnectionStart.as_view(), name="start"),
    path("merchants/", views.MerchantListView.as_view(), name="list"),
    path("merchants/new/", views.MerchantCreate.as_view(), name="create"),
    path("merchants/<str:guid>/", views.MerchantPage.as_view(), name="page"),
    path("merchants/<str:guid>/edit/", views.MerchantEdit.as_view(), name="edit"),
    path("merchants/<str:guid>/disable/", views.MerchantDisable.as_view(), name="disable"),
    path("merchants/<str:guid>/enable/", views.MerchantEnable.as_view(), name="enable"),
    path("merchants/<str:guid>/archive/", views.MerchantArchive.as_view(), name="archive"),
    path("merchants/<str:guid>/unarchive/", views.MerchantUnarchive.as_view(), name="unarchive"),
    path("merchants/<str:guid>/users/", views.MerchantUsers.as_view(), name="users"),
    path("merchants/<str:guid>/connectors/", views.MerchantConnectors.as_view(), name="connectors"),
    path("merchants/<str:guid>/history/", views.MerchantHistory.as_view(), name="history"),
]
