"""Django's entry for portal.console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """portal.console"""

    name = "portal.console"

    def ready(self) -> None:
        """Register the checks of the settings."""
        from portal.console import checks  # noqa: F401 - registers its check
        from portal.console.data_folder import disk_writable
        from portal.console.health import CHECKS

        CHECKS["disk"] = disk_writable
