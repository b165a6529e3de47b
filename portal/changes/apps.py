"""Django's entry for portal.changes."""

from django.apps import AppConfig


class ChangesConfig(AppConfig):
    """portal.changes"""

    name = "portal.changes"

    def ready(self) -> None:
        """Puts what waits for a person onto the home page."""
        from portal.changes.home import home_register

        home_register()
