"""Django's entry for portal.tenants."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """portal.tenants"""

    name = "portal.tenants"
