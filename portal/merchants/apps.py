"""Django's entry for portal.merchants."""

from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    """portal.merchants"""

    name = "portal.merchants"
