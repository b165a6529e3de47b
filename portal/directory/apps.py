"""Django's entry for portal.directory."""

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    """Configure the local index of entities."""

    name = "portal.directory"

    def ready(self) -> None:
        """Register the background reading of lists."""
        from portal.directory.background import register_tasks

        register_tasks()
