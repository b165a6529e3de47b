"""Registers the kinds in a worker's process."""

from django.apps import AppConfig


class BackgroundConfig(AppConfig):
    """tests.background"""

    name = "tests.background"

    def ready(self) -> None:
        """Register as an app does."""
        from tests.background.kinds import kinds_register

        kinds_register()
