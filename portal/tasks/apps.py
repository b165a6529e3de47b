"""Django's entry for portal.tasks."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """portal.tasks"""

    name = "portal.tasks"

    def ready(self) -> None:
        """Register the readiness checks for workers."""
        from portal.tasks.health import register_checks

        register_checks()
