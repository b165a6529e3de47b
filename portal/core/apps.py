"""Django's entry for portal.core."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """portal.core"""

    name = "portal.core"
    label = "console"  # as stored data calls it

    def ready(self) -> None:
        """Register the checks of the settings."""
        from portal.core import checks  # noqa: F401 - registers its check
        from portal.core.data_folder import disk_writable
        from portal.core.health import CHECKS

        CHECKS.register("disk", disk_writable)
