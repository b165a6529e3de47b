"""Addresses of the connections, below /connections/."""

from django.urls import path

from portal.connections.views import ConnectionListPage, ConnectionPage, CredentialResetPage

app_name = "connections"
urlpatterns = [
    path("", ConnectionListPage.as_view(), name="list"),
    path("<slug:connection>/", ConnectionPage.as_view(), name="page"),
    path("<slug:connection>/reset/", CredentialResetPage.as_view(), name="reset"),
]
