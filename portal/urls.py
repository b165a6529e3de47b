"""Every address of the portal. The connection is the first segment of what concerns a gateway."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
