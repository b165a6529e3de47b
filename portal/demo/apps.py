"""Django's entry for portal.demo."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Configure the local demo."""

    name = "portal.demo"

    def ready(self) -> None:
        """Register the check that production holds nothing of a demo."""
        from portal.demo import checks  # noqa: F401
