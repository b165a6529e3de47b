"""Addresses of the frame itself: home and health."""

from django.urls import path

from portal.console.health import live, ready
from portal.console.home import HomePage

urlpatterns = [
    path("", HomePage.as_view(), name="home"),
    path("healthz/live", live, name="health_live"),
    path("healthz/ready", ready, name="health_ready"),
]
