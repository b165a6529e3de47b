"""Addresses of the connections, below /connections/."""

from django.urls import path

from portal.connections import reset_views as reset
from portal.connections import views

app_name = "connections"
urlpatterns = [
    path("", views.ConnectionListPage.as_view(), name="list"),
    path("new/", views.ConnectionCreatePage.as_view(), name="create"),
    path("<slug:connection>/", views.ConnectionPage.as_view(), name="page"),
    path("<slug:connection>/edit/", views.ConnectionEditPage.as_view(), name="edit"),
    path("<slug:connection>/pause/", views.ConnectionPauseView.as_view(paused=True), name="pause"),
    path("<slug:connection>/resume/", views.ConnectionPauseView.as_view(paused=False), name="resume"),
    path("<slug:connection>/reset/", reset.CredentialResetPage.as_view(), name="reset"),
    path("<slug:connection>/revoke-now/", reset.ShutPage.as_view(), name="revoke_now"),
    path("<slug:connection>/<int:version>/test/", reset.VersionTestView.as_view(), name="test"),
    path("<slug:connection>/<int:version>/activate/", reset.VersionActivateView.as_view(), name="activate"),
    path("<slug:connection>/<int:version>/rollback/", reset.VersionRollbackView.as_view(), name="rollback"),
    path("<slug:connection>/<int:version>/revoke/", reset.VersionRevokeView.as_view(), name="revoke"),
]
