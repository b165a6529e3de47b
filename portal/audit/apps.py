"""Django's entry for portal.audit."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """portal.audit"""

    name = "portal.audit"
