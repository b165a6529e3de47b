"""Django's entry for portal.core."""

from django.apps import AppConfig

from portal.core.navigation import NAVIGATION, NavItem, Section


class CoreConfig(AppConfig):
    """Configure the shared parts of the portal."""

    name = "portal.core"
    label = "console"  # as stored data calls it

    def ready(self) -> None:
        """Register the health check of the disk, the check of the settings and the home page."""
        from portal.core import checks  # noqa: F401 - registers its check
        from portal.core.data_folder import check_disk
        from portal.core.health import CHECKS

        CHECKS.register("disk", check_disk)
        NAVIGATION.register("home", NavItem("Home", "home", "home", Section.WORK, order=10))
