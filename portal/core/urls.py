"""Addresses of the frame itself: home and health."""

from django.urls import path

from portal.core.dashboard import DashboardView
from portal.core.health import live, ready

urlpatterns = [
    path("", DashboardView.as_view(), name="home"),
    path("healthz/live", live, name="health_live"),
    path("healthz/ready", ready, name="health_ready"),
]
