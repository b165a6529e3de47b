"""Django's entry for portal.merchants."""

from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    """portal.merchants"""

    name = "portal.merchants"

    def ready(self) -> None:
        """Puts the merchants onto the home page."""
        from portal.merchants.dashboard import home_register

        home_register()
