"""Addresses of the pages of connectors, below `/<connection>/`."""

from django.urls import path

from portal.connectors import views

app_name = "connectors"
urlpatterns = [
    path("merchants/<str:guid>/connectors/new/", views.ConnectorCreate.as_view(), name="create"),
    path("connectors/", views.ConnectorList.as_view(), name="list"),
    path("connectors/<str:guid>/", views.ConnectorPage.as_view(), name="page"),
    path("connectors/<str:guid>/edit/", views.ConnectorEdit.as_view(), name="edit"),
    path("connectors/<str:guid>/disable/", views.ConnectorDisable.as_view(), name="disable"),
    path("connectors/<str:guid>/enable/", views.ConnectorEnable.as_view(), name="enable"),
    path("connectors/<str:guid>/history/", views.ConnectorHistory.as_view(), name="history"),
]
