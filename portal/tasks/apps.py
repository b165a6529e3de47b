"""Django's entry for portal.tasks."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """portal.tasks"""

    name = "portal.tasks"

    def ready(self) -> None:
        """The ready-check learns to look for workers."""
        from portal.tasks.health import register_checks

        register_checks()
